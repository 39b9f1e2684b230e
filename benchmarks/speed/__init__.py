"""Training side by side with Pythae's own trainer (`make bench`): how fast, and by what measure.

Both sides train the same architecture on the same layers, images, batch size (64) and number of steps, in turns:

- *Pythae*: the trainer that Pythae assigns to the model, in one process with as many threads as there are cores. One
  epoch of its `train_step` is timed: data loader, forward pass, backward pass, optimisers, its loss bookkeeping and
  progress bar. Where Pythae's class computes the same losses and gradients as ours, it trains that class ("shared"
  rows); where the class is another method, it trains our method written plainly ("plain" rows, `plain.py`). The
  layers are plain torch modules in both.
- *Ours*: one single-threaded process a core, each training a run of its own, as a campaign does. One `train_epoch` is
  timed: drawing the order, batches, losses, gradients, optimisers, means. Images a second are summed over processes.

Left out on both sides: start of the interpreter, imports, data, building the model, the first (warming) epochs,
validation, evaluation, checkpoints. What start-up and evaluation cost in a whole run is measured apart.

Counted are images that receive a reconstruction gradient. FactorVAE needs a second batch a step: Pythae's loader
gives it 128 images, of which 64 count.
"""

BATCH = 64
"""Images a step that receive a reconstruction gradient (Section III-D's batch size)."""

SEED = 42
