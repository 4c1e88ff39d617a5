"""Calls that a server left in the text as its model wrote them. Pure: text in, text and calls out.

offered            the functions that were offered, and calls of them
reader             text in pieces, read as if it were whole
json_calls, pythonic, tagged    the three ways to write a call
forms              markers, and what stands behind them
recogniser         the front: holds back what may be markup, and nothing else
"""
