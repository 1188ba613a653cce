"""Twelve stories of reviewing, evidence and people, each played on a server of its own whose clock can be set."""

from scripts.journey.stories import entry, evidence, outcomes, people, turns, unreviewed, who
from scripts.journey.stories.telling import Story

STORIES = (
    Story("late-unit", entry.late_unit, 17),
    Story("recalled-dossier", turns.recalled_dossier, 14),
    Story("returned-twice", turns.returned_twice, 14),
    Story("refused-exemption", turns.refused_exemption, 9),
    Story("appeal", outcomes.appeal_moves_a_rank, 27),
    Story("council-of-three", people.council_of_three, 21),
    Story("delegated-leader", people.delegated_leader, 13),
    Story("reopened-indicator", entry.reopened_indicator, 17),
    Story("unreviewed-commune", unreviewed.unreviewed_commune, 14),
    Story("corrected-publication", outcomes.corrected_publication, 23),
    Story("trusted-evidence", evidence.trusted_evidence, 56),
    Story("who-did-what", who.who_did_what, 92),
)
