"""What a merchant sets up and looks at: stores, connections, return methods, RMAs and deliveries.

The commands, the API and the pages all call these, so that they cannot differ.
"""
