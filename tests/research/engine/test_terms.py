from research.engine.terms import overlap, rarity, terms


def test_forms_of_a_word_become_the_same_term():
    assert terms("Signals, signaled, signal") == ["signal"] * 3
    assert terms("terminates terminated terminate") == ["terminat"] * 3


def test_words_of_grammar_are_left_out():
    assert terms("What is the purpose of a queue?") == terms("purpose queue")


def test_rare_terms_weigh_more_in_an_overlap():
    weights = rarity([["common", "rare"], ["common"], ["common"]])
    assert overlap(["common", "rare"], ["rare"], weights) > overlap(["common", "rare"], ["common"], weights)
    assert overlap(["common", "rare"], ["rare", "common"], weights) == 1
    assert overlap([], ["rare"], weights) == 0
