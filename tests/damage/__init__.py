"""Damage done to files of every format, and a process that may only read, in which it is met."""
