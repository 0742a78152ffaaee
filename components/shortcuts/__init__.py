"""The shortcut audit: can a data set's attributes be told apart without looking at anatomy?"""
