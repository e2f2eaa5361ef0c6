"""Topics: memories on several subjects, questions that one of them answers, and questions that none of them does.

Written for the measurement of the floor, and used for nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Asked = tuple[str, Sequence[str]]
"""A memory, and questions that it answers: some in its words, some in others."""

TOPICS: Mapping[str, Sequence[Asked]] = {
    "software": (
        ("The staging database listens on port 5433.", ("which port does the test database use", "staging port")),
        (
            "Deployments are frozen on Fridays after three in the afternoon.",
            ("may I ship something on Friday evening", "deployment freeze"),
        ),
        ("Feature flags are kept in the table app_flags.", ("where do we store feature toggles", "app_flags")),
        (
            "The login service signs tokens with Ed25519 keys that rotate every ninety days.",
            ("how often do the signing keys change", "token signing"),
        ),
        (
            "Integration tests need a running Redis with at least version 7.",
            ("what has to be running before the test suite", "redis version"),
        ),
        (
            "The nightly job that rebuilds the search index takes forty minutes.",
            ("how long does reindexing last", "nightly index job"),
        ),
        (
            "Error reports go to the channel #alerts-backend, never by mail.",
            ("where are crashes announced", "alerts channel"),
        ),
        ("We chose Rust for the image resizer because of memory use.", ("why was the resizer not written in Python",)),
    ),
    "people": (
        ("Maria is allergic to peanuts and cashews.", ("what should Maria not eat", "nut allergy")),
        ("Tobias works from Lisbon on Mondays and Tuesdays.", ("when is Tobias in Portugal", "Tobias Lisbon")),
        ("Our accountant, Mrs. Okafor, prefers phone calls to mails.", ("how to reach the accountant", "Okafor")),
        ("Jun's daughter starts school in September.", ("when does Jun's child go to school",)),
        ("The landlord's name is Petersen and he lives upstairs.", ("who owns the flat", "landlord")),
        ("Aunt Ingrid turns eighty on the fourth of May.", ("when is Ingrid's birthday", "aunt eighty")),
        ("Sofia speaks Catalan, Spanish and a little Japanese.", ("which languages does Sofia know",)),
        ("Dr. Lindqvist moved her practice to Harbour Street 12.", ("address of the doctor", "Lindqvist practice")),
    ),
    "cooking": (
        ("The sourdough rests for eighteen hours in the fridge.", ("how long does the bread dough prove", "sourdough")),
        ("Use half the sugar in grandmother's plum cake.", ("how sweet should the plum cake be", "plum cake sugar")),
        ("The oven runs twenty degrees too hot.", ("is the oven thermostat right", "oven temperature")),
        ("Soak the chickpeas overnight with a pinch of soda.", ("how to prepare dried chickpeas",)),
        ("The good olive oil is from the shop behind the station.", ("where to buy olive oil", "olive oil shop")),
        ("Risotto gets its stock in three portions, always hot.", ("when do I add broth to the rice", "risotto stock")),
        ("The knife sharpener comes to the market on the first Saturday.", ("when can knives be sharpened",)),
        ("Freeze the basil in oil, not in water.", ("how to keep basil for the winter", "freezing basil")),
    ),
    "travel": (
        ("The night train to Vienna leaves from platform nine at ten.", ("when does the sleeper go to Austria",)),
        ("Passport number and insurance are in the red folder.", ("where is my passport", "red folder")),
        ("The hotel in Kyoto wants cash and closes its door at eleven.", ("rules of the place we stay in Japan",)),
        ("Ferries to the island are cancelled in a strong north wind.", ("when does the boat not go", "ferry wind")),
        ("The rental car needs winter tyres from November.", ("what must the hired car have in the cold months",)),
        ("Seat 61 by the window is the quiet one in coach four.", ("best seat on the train", "coach four seat")),
        ("The museum is closed on Tuesdays and free on Sundays.", ("which day is the museum free", "museum closed")),
        ("Mobile data costs nothing extra in Norway.", ("is roaming expensive in Scandinavia", "Norway data")),
    ),
    "garden": (
        ("The apple tree by the gate is a Boskoop from 1962.", ("what kind of apple grows at the gate", "Boskoop")),
        ("Tomatoes were planted too early last year and froze.", ("when not to put out tomatoes", "tomatoes frost")),
        ("The water butt holds three hundred litres.", ("how much rainwater can we store", "water butt")),
        ("Slugs leave the lavender alone.", ("which plant do snails not eat", "slugs")),
        ("The hedge may not be cut between March and September.", ("when is cutting the hedge forbidden",)),
        ("Compost is turned every six weeks.", ("how often to turn the compost",)),
        ("The neighbour's beehives stand behind the shed.", ("where are the bees", "beehives")),
        ("Garlic goes into the earth in October.", ("when to plant garlic",)),
    ),
    "health": (
        ("The physiotherapist wants ten knee bends every morning.", ("exercises for the knee", "knee bends")),
        ("Blood pressure was 128 over 82 in spring.", ("what was my last blood pressure", "128 over 82")),
        ("The tetanus shot is due again in 2031.", ("when is the next vaccination", "tetanus")),
        ("Ibuprofen upsets the stomach, paracetamol does not.", ("which painkiller can I take", "ibuprofen")),
        ("The reading glasses have plus 1.5 on both sides.", ("strength of my glasses", "reading glasses")),
        ("Sleep is better without coffee after two.", ("why do I lie awake at night", "coffee sleep")),
        ("The dentist found a crack in the upper left molar.", ("what is wrong with my tooth", "molar crack")),
        ("Running shoes are worn down after eight hundred kilometres.", ("when to replace the trainers",)),
    ),
    "money": (
        ("The rent goes up by sixty euros in January.", ("how much more will the flat cost", "rent increase")),
        ("Invoices are paid within fourteen days with two percent off.", ("is there a discount for paying early",)),
        ("The savings account at the Sparbank gives three percent.", ("interest on our savings", "Sparbank")),
        ("Tax papers have to be kept for ten years.", ("how long must I keep receipts", "tax papers")),
        ("The bicycle is insured against theft up to two thousand.", ("what if the bike is stolen", "bike insurance")),
        ("The electricity contract ends in March and renews itself.", ("when can I change the power supplier",)),
        ("Jonas still owes us forty for the concert tickets.", ("who has debts with us", "concert tickets")),
        ("The card reader of the shop refuses American Express.", ("which credit card is not accepted",)),
    ),
    "music": (
        ("The cello is tuned to 442 hertz in the orchestra.", ("which pitch does the orchestra use", "442 hertz")),
        ("Rehearsals are on Wednesdays in the chapel.", ("where do we practise", "rehearsals")),
        ("The slow movement begins pianissimo, with mutes.", ("how quiet is the start of the adagio",)),
        ("The piano was last tuned before Easter.", ("when did someone tune the piano", "piano tuned")),
        ("Rosin from the blue box makes less dust.", ("which rosin is better", "rosin dust")),
        ("The choir sings the requiem in November.", ("what does the choir perform in autumn", "requiem")),
        ("Strings for the viola are ordered from Mittenwald.", ("where do viola strings come from",)),
        ("The metronome is broken above 160.", ("does the metronome work when it is fast", "metronome")),
    ),
}

ABSENT: Sequence[str] = (
    "how deep is the Mariana trench",
    "who won the chess championship in 1972",
    "chemical formula of sulfuric acid",
    "when did the Roman empire fall",
    "distance from the earth to the moon",
    "how do penguins keep their eggs warm",
    "rules of offside in football",
    "capital of Mongolia",
    "what is the plot of Hamlet",
    "how are black holes formed",
    "lyrics of the national anthem of Brazil",
    "how to tie a bowline knot",
    "inventor of the printing press",
    "what do quarks consist of",
    "population of Nairobi",
    "how does a diesel submarine dive",
    "symptoms of altitude in mountain climbers",
    "history of the Ottoman navy",
    "how to fold a paper crane",
    "wingspan of an albatross",
    "which volcano destroyed Pompeii",
    "how is parchment made from sheepskin",
    "plate tectonics under Iceland",
    "why is the sky blue",
    "who painted the Night Watch",
    "training plan for sled dogs",
    "melting point of tungsten",
    "how do spiders spin silk",
    "treaty that ended the thirty years war",
    "differences between alligators and crocodiles",
)
"""Sensible questions about what no memory is about."""

NONSENSE: Sequence[str] = (
    "zxqv blorf wibble",
    "asdf jkl qwertz uiop",
    "purple seven elephants quietly dissolve algebra",
    "flumox grundle perthwick",
    "lorem ipsum dolor sit amet",
    "the of and to in",
    "colourless green ideas sleep furiously",
    "xkcd 0x7f 9q9q9q",
    "banana helicopter parliament velvet",
    "gronk gronk gronk",
    "tetrahedral moose lawyers invoice the moon",
    "??? !!! ...",
    "qqqqqqqqqq",
    "seventeen umbrellas marry a comma",
    "hjkl;:wq!",
    "snorfblat 42 quux",
    "invisible gravity sandwiches protest loudly",
    "aeiou bcdfg hjklm",
    "the verb ate a yellow tuesday",
    "mimsy borogoves outgrabe",
    "foo bar baz qux",
    "rhubarb rhubarb rhubarb",
    "carbonated staircases whisper upwards",
    "wjwjw kpkpkp zzyzx",
)
"""Texts that mean nothing."""
