"""Text that addresses whoever reads for a person, a model above all, not the person: "ignore previous instructions".

Rules with few false alarms rather than many finds: they name what orders, what it calls the machine, or what it wants
done with an answer. They are no defence by themselves (who writes for a model can avoid them); what a page may cause is
bounded by code elsewhere. They are there so that a person is told, and that a model is not shown what plainly is no
evidence. False alarms on real pages: LOG.md. Pure. Called by measured.py, extract/hidden.py and, through api.py, by
research.
"""

import re
from itertools import pairwise

NEAR = 200  # characters before and after an anchor that its rule looks at
_IN = r"(?:[^.!?\n]|[.!?](?!\s))"  # a character that ends no sentence: "example.com" does not
_MACHINE = (
    r"(?:a\.?i\.?|llms?|(?:large )?language[- ]models?"
    r"|(?:ai|virtual|automated|digital) (?:assistant|agent|model|system)s?"
    r"|chat ?bots?|chatgpt|gpt(?:-?\d\w*)?|claude|gemini|copilot|(?:web|research) agents?)"
)
_MACHINES: tuple[str, ...] = (
    " ai ",
    " ai,",
    " ai:",
    " ai.",
    "a.i.",
    "llm",
    "language model",
    "language-model",
    "chatbot",
    "chat bot",
)
_MACHINES += ("gpt", "claude", "gemini", "copilot", " agent", " assistant", "ai assistant", "ai agent", "ai model")
_START = r"(?:^|[.!?:;\n>\])]\s*|[\"“‘'(*-]\s*|\b(?:please|now|then|also|always|instead|must|should|shall)[ ,]+)"
_REPLY = r"(?:answers?|reply|replies|responses?|outputs?|summary|summaries|final report)"
_REPLIES = tuple(f"your {word}" for word in ("answer", "repl", "response", "output", "summar", "final"))
_DO = (
    r"(?:add|adjust|alter|anagram|append|augment|begin|change|combine|convert|embed|encode|end|enhance|finish|format|group|include"
    r"|insert|integrate|introduce|jumble|limit|link|make|mention|misspell|modify|obfuscate|omit|output|place|prepend|provide|put"
    r"|rearrange|remove|render|replace|rewrite|scramble|sign|start|state|substitute|translate|use|word|wrap|write)"
)
_WHO = r"(?:users?|humans?|readers?|person|operator)"
_PEOPLE = (" user", " human", " reader", " person", " operator")
# What a text has to hold for a rule to be tried, in small letters: nine pages of ten are spared nearly all of them.
_RULES: tuple[tuple[tuple[str, ...], str], ...] = (
    # What was ordered before is to be forgotten; in five languages.
    (
        ("ignor", "disregard", "forget", "overrid", "not follow", "stop following"),
        rf"\b(?:ignore|disregard|forget|override|do not follow|stop following)\b{_IN}{{0,40}}?\b(?:previous|prior|above"
        r"|earlier|preceding|former|your|system|original|initial|existing)\b[^.!?\n]{0,20}?\b(?:instructions?|prompts?"
        r"|directions|directives?|guidelines|orders|commands|programming|training|safety rules|system message)\b",
    ),
    (
        ("ignore ", "disregard ", "forget "),
        r"\b(?:ignore|disregard|forget) (?:all|everything|anything|what)\b[^.!?\n]{0,40}?\b(?:above|before this|so far"
        r"|you (?:were|have been) told|you(?:'ve| have) (?:read|learned|learnt))\b",
    ),
    (
        ("anweisung", "instruktion"),
        r"\b(?:ignorier\w*|vergiss|vergesse?n? sie)\b[^.!?\n]{0,40}\b(?:anweisung|instruktion)",
    ),
    (
        ("instrucciones", "instructions pr", "istruzioni"),
        r"\b(?:ignor\w+|olvid\w+|oubli\w*|dimentic\w+)\b[^.!?\n]{0,40}"
        r"\b(?:instrucciones|instructions pr[ée]c|istruzioni)",
    ),
    # The marks by which a model's chat is written.
    (("<|",), r"<\|[a-z_]{3,24}\|>"),
    (("inst]", "sys>>", "_turn>"), r"\[/?inst\]|<</?sys>>|</?start_of_turn>|<end_of_turn>"),
    (
        ("# instruction", "# system", "# human", "# assistant", "# new instruction", "# response", "#instruction"),
        r"(?:^|\s)#{2,4} ?(?:new )?(?:instruction|system|human|assistant|response)s? ?:",
    ),
    (
        ("system p", "system m", "system i", "developer p", "developer m", "developer i"),
        r"\b(?:begin|end|start) (?:of )?(?:system|developer) (?:prompt|message|instructions)\b",
    ),
    (
        tuple(f"system {what}" for what in ("override", "note", "instruction", "update", "notice", "message", "alert")),
        rf"\bsystem (?:override|note|instruction|update|notice|message|alert)s? ?: ?{_IN}{{0,40}}?"
        r"\b(?:you|your|assistant|agent|model|user)\b",
    ),
    (
        ("system", "developer", "assistant"),
        r"(?:^|[.!?\n])\W{0,6}(?:system|developer|assistant)\W{0,4}: ?"
        r"(?:you|your|new|from now|ignore|the user|i will|sure)\b",
    ),
    # It says whom it speaks to.
    (
        ("if you are", "if you're", "if your "),
        r"\bif you(?:'re| are|r)\b(?: reading this as| currently)? an? "
        rf"(?:{_MACHINE}|assistant|bot|agent|crawler|automated (?:system|reader))(?!\w)",
    ),
    (
        ("as an ai", "as a l", "as a c", "as an a", "as a v", "as a w", "as a d", "as a r", "as a gpt"),
        rf"\bas an? {_MACHINE}(?: reading| processing| summari[sz]ing)?(?!\w)[^.!?\n]{{0,12}}"
        r"\b(?:you|your|please|always|never|respond|answer|say)\b",
    ),
    (
        _MACHINES,
        r"\b(?:dear|hello|hey|attention|calling all|listen up|to (?:all|any|every|the)"
        r"|(?:notice|note|message|instructions?) (?:to|for)|memo to|reminder (?:to|for))[ ,:]+"
        rf"(?:(?:all|any|every|the|our|reader|reading|you) ){{0,2}}{_MACHINE}s?(?!\w)[^.!?\n]{{0,30}}"
        r"(?:[:,!]|\b(?:reading|processing|summari[sz]ing|must|should|please|who|that|only)\b)",
    ),
    (
        ("this page", "this text", "this document", "this site", "this article", "this content", "this passage"),
        rf"\b{_MACHINE} (?:(?:that|which|who)(?: is| are)? )?(?:reading|processing|summari[sz]ing|parsing|visiting"
        r"|crawling|reads?|process|parses?|sees?) this (?:page|text|document|site|article|passage|content)\b",
    ),
    (
        _MACHINES,
        rf"\b(?:all|any|every) (?:{_MACHINE}|assistants?|agents?|models?|(?:machine|automated) readers?)(?!\w)"
        r"[^.!?\n]{0,40}\b(?:must|should|shall|ha(?:ve|s) to|are (?:required|instructed|ordered) to)\b",
    ),
    (
        ("you are now", "you are a", "you are the"),
        rf"\byou are (?:now )?(?:an? |the )?(?:(?:{_MACHINE}|dan)(?!\w)"
        r"|(?:helpful|unrestricted|jailbroken|evil|obedient) (?:assistant|model|ai)\b)",
    ),
    (("from now on", "henceforth"), r"\b(?:from now on|henceforth),? you (?:are|will|must|shall|should)\b"),
    (
        tuple(f"your {what}" for what in ("new", "real", "true", "actual", "updated", "only", "next")),
        r"\byour (?:new|real|true|actual|updated|only|next) (?:instructions?|tasks?|directives?|orders? (?:is|are))\b",
    ),
    (
        ("new instruction", "new task", "new directive", "new order"),
        r"\bnew (?:instructions?|tasks?|directives?|orders?) (?:for|to) (?:you|the (?:assistant|model|agent|reader))\b",
    ),
    # It wants what is kept from people, or kept from them what it does.
    (
        (" prompt", " instructions"),
        r"\b(?:reveal|show|print|repeat|output|leak|disclose|display|send|share|recite|quote|tell \w+)\b"
        r"[^.!?\n]{0,40}?\b(?:system|developer|initial|hidden|secret) (?:prompt|instructions)\b",
    ),
    (
        _PEOPLE,
        rf"{_START}(?:do not|don['’]?t|never) (?:tell|inform|alert|notify|warn|(?:mention|reveal|say) (?:this|it|that"
        rf"|anything)\b[^.!?\n]{{0,20}}to) (?:the |your |any ){_WHO}\b",
    ),
    (_PEOPLE, rf"\bwithout (?:telling|informing|alerting|asking|warning) (?:the |your ){_WHO}\b[.!]?\s*$"),
    (
        ("://", " url", " address", "query string", " parameter", " link", "@"),
        r"\b(?:send|post|append|attach|encode|exfiltrate|forward|transmit|upload|put|include|add|pass)\b[^.!?\n]{0,40}?"
        r"\b(?:the user['’]?s? (?:question|query|data|name|message|prompt|request)|the conversation|chat history"
        r"|your (?:context|memory|notes|findings|prompt|instructions|system prompt))\b"
        r"[^\n]{0,60}?(?:https?://|\burl\b|\baddress\b|\bquery string\b|\bparameter\b|\blink\b|@)",
    ),
    # It says what to do with a reply.
    (_REPLIES, rf"{_START}{_DO}\b{_IN}{{0,120}}?\byour (?:\w+ )?{_REPLY}\b"),
    (
        ("answer", "reply", "response", "summary", "output"),
        rf"{_START}in (?:your|every|each|any) (?:\w+ )?(?:answer|reply|response|summary|output),? (?:\w+ )?(?:suggest"
        r"|tease|recommend|tell|say|state|mention|include|add|use|write|urge|invite|link|claim|always|never|do|insert)\b",
    ),
    (
        _REPLIES,
        rf"\byour (?:\w+ )?{_REPLY} (?:must|should|shall|has to|have to|needs? to|will) (?:\w+ )?(?:be|say|state"
        r"|include|contain|start|begin|end|mention|recommend|claim|read|consist)\b",
    ),
    (
        (
            "you must",
            "you shall",
            "you have to",
            "you are required",
            "you are instructed",
            "you are ordered",
            "you will",
        ),
        r"\byou (?:must|shall|have to|are (?:required|instructed|ordered) to|will) (?:now |only |always )?"
        r"(?:answer|reply|respond|say|state|conclude|claim|output)\b(?: (?:only|exactly|that|with|in|as|using)\b|[:,]"
        r"| [\"“‘'])",
    ),
    (
        ("answer ", "reply ", "respond "),
        rf"{_START}(?:answer|reply|respond) (?:only |exactly |always |solely )?(?:with|in|as|that|using)\b"
        r"(?: (?:the|only|this|a|one) (?:word|phrase|sentence|following)|[: ]*[\"“‘'])",
    ),
    (
        _PEOPLE,
        rf"{_START}(?:tell|inform|assure|convince) (?:the |your )(?:user|human|person|asker)s? (?:that|about|how)\b",
    ),
    (
        ("asked", "asks", "summari", "answering"),
        r"\b(?:when|if|whenever) (?:asked|you are asked|someone asks|(?:the|a) user asks|you summari[sz]e"
        rf"|summari[sz]ing)\b{_IN}{{0,80}}?[,:] ?(?:always |only |just |you (?:must|should) )?"
        r"(?:say|answer|reply|respond|state|claim|recommend|tell|mention|conclude)\b",
    ),
)
_COMPILED = tuple((anchors, re.compile(rule, re.MULTILINE)) for anchors, rule in _RULES)
_ALL_ANCHORS = tuple(dict.fromkeys(anchor for anchors, _rule in _RULES for anchor in anchors))


def instructs(text: str) -> bool:
    """Whether something in the text addresses a machine that reads it."""
    # Each string method is a hundred times as fast as a pattern that begins with a choice of words.
    lower = f"\n{text.lower()}\n"
    there = {anchor for anchor in _ALL_ANCHORS if anchor in lower}
    return bool(there) and any(
        rule.search(lower, start, end)
        for anchors, rule in _COMPILED
        if not there.isdisjoint(anchors)
        for start, end in _around(lower, [anchor for anchor in anchors if anchor in there])
    )


def _around(text: str, anchors: list[str]) -> list[tuple[int, int]]:
    """The parts of the text around the anchors, those that touch each other joined."""
    places = []
    for anchor in anchors:
        at = text.find(anchor)
        while at >= 0:
            places.append(at)
            at = text.find(anchor, at + NEAR)
    if not places:
        return []
    places.sort()
    cuts = [0, *(place for place, (one, other) in enumerate(pairwise(places), start=1) if other - one > 2 * NEAR)]
    groups = [places[start:end] for start, end in pairwise([*cuts, len(places)])]
    return [(max(0, own[0] - NEAR), own[-1] + 2 * NEAR) for own in groups]
