"""The judgement of a page: its language, whether it is worth indexing, what it is a copy of, who speaks on it.

Small pure modules: text and what is known of it in, frozen values out. No Django, no I/O, except that language.py
loads its model once. Called by search_index/indexing.py (quality, language) and store.py (copies, source class).
"""
