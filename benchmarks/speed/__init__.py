"""Training speed compared with Pythae's own trainer (`make bench`), and how it is measured.

Both sides train the same architecture on the same layers, images, batch size (64) and number of steps, in turns:

- *Pythae*: the trainer that Pythae assigns to the model, in one process with as many threads as there are cores. One
  epoch of its `train_step` is timed: data loader, forward pass, backward pass, optimizers, its loss bookkeeping and
  progress bar. If Pythae's class computes the same losses and gradients as ours, it trains that class ("shared"
  rows); if the class is another method, it trains a plain version of our method ("plain" rows, `plain.py`). The
  layers are plain torch modules in both.
- *Ours*: one single-threaded process per core, each training a run of its own, as a campaign does. One `train_epoch`
  is timed: drawing the order, batches, losses, gradients, optimizers, means. Images per second are summed over
  processes.

Left out on both sides: start of the interpreter, imports, data, building the model, the first (warm-up) epochs,
validation, evaluation, checkpoints. The cost of start-up and evaluation in a whole run is measured separately.

Only images that receive a reconstruction gradient are counted. FactorVAE needs a second batch per step: Pythae's
loader gives it 128 images, of which 64 count.
"""

BATCH = 64
"""Images per step that receive a reconstruction gradient (Section III-D's batch size)."""

SEED = 42
