"""Networks: a trunk that turns pixels into features, pooling over bags, and a hash layer."""
