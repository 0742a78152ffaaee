"""Acts of people on the champion: hold it as it is, and go back to the one before."""
