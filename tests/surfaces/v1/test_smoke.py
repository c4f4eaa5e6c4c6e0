def test_a_member_sees_the_groups_they_are_in(api):
    answer = api("bob", "GET", "/groups/acme")

    assert answer.status_code == 200
    assert [group["slug"] for group in answer.json()] == ["designers", "developers"]


def test_journal_names_who_did_what(api):
    api("alice", "POST", "/groups/acme", data={"name": "Night Crew"})
    assert api.journal() == [("alice", "group.added", "acme", "night-crew")]
    before = api.everything()
    assert api("bob", "DELETE", "/groups/acme/night-crew").status_code == 403
    assert api("alice", "GET", "/groups/acme?limit=3").status_code == 200
    assert api.everything() == before
