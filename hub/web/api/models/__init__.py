"""What the API answers and takes; its description is made from these models.

An answer with a field that its model lacks is a bug, and is refused as one: what is described is what comes.
"""
