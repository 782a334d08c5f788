"""What a merchant sets up and looks at: stores, connections, return methods, and the lists of what came of it.

The commands, the API and the pages all call these, so that they cannot differ.
"""
