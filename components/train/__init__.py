"""Train one hashing method: pixels or GIST vectors and label sets of bags in, a model folder out.

`data` reads the tables, `batches` feeds the device, `augment` varies a batch, `step` is the loss of one batch (over
several processes too), `schedules` the optimiser, `validation` the figure that chooses the best epoch, `checkpoint`
what survives a kill, `loop` the epochs, `deep` and `shallow` one training each, `record` what MLflow is told.
"""
