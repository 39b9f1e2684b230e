"""The appendix's tables by subject: what stands behind Tables I–III, and what the paper leaves out."""
