//! Which imported conversations live, and until when.

use super::*;

/// An active conversation whose one message was at `at`.
fn active(id: u64, at: &str) -> String {
    call_line(id, 6543, "active", at, "") + &message_line(id, "imported", at, "")
}

#[test]
fn an_active_conversation_lives_until_the_ttl_after_its_last_message_to_the_microsecond() {
    for (last, lives) in [
        ("2026-04-30T11:59:59Z", true),
        ("2026-04-30T11:00:00.000001Z", true),
        ("2026-04-30T11:00:00Z", false),
        ("2026-04-30T10:59:59.999999Z", false),
        ("2026-04-01T00:00:00Z", false),
        ("2026-05-01T00:00:00Z", true),
    ] {
        let store = store();
        imported(&store, &format!("{PARENTS}{}", active(101, last)));
        let end = at(last).plus_seconds(TTL);
        let wanted = if lives { ("active", None) } else { ("completed", Some(end)) };
        assert_eq!(status(&store, 101, now()), wanted, "{last}");
        assert_eq!(status(&store, 101, end), ("completed", Some(end)), "{last}");
        assert_eq!(call(&store, 101).unwrap().ended_at.is_none(), lives, "what is over is closed: {last}");

        let live = joined(&inbound(&store, "SM1", "+15559876543", now()));
        assert_eq!(live, if lives { (101, 2) } else { (102, 1) }, "{last}");
        sound(&store);
    }
}

#[test]
fn a_completed_conversation_without_an_end_ended_with_its_last_message() {
    let store = store();
    let calls = [
        call_line(1, 6543, "completed", "2026-04-30T11:30:00Z", ""),
        message_line(1, "a", "2026-04-30T11:40:00Z", ""),
        call_line(2, 6543, "completed", "2026-04-30T11:30:00Z", ",\"ended_at\":null"),
        call_line(
            3,
            6543,
            "completed",
            "2026-04-30T11:30:00Z",
            ",\"last_activity\":\"2026-04-30T11:50:00Z\"",
        ),
    ];
    imported(&store, &format!("{PARENTS}{}", calls.concat()));
    for (id, end) in [(1, "2026-04-30T11:40:00Z"), (2, "2026-04-30T11:30:00Z"), (3, "2026-04-30T11:50:00Z")] {
        assert_eq!(status(&store, id, now()), ("completed", Some(at(end))), "call {id}");
        assert_eq!(call(&store, id).unwrap().last_activity, at(end));
    }
    assert_eq!(joined(&inbound(&store, "SM1", "+15559876543", now())), (4, 1));
    sound(&store);
}

#[test]
fn an_expiry_that_the_line_gives_stands_whatever_the_ttl_is() {
    for (expires_at, lives) in [("2026-04-30T12:00:00.000001Z", true), ("2026-04-30T12:00:00Z", false)] {
        let store = store();
        let more = format!(",\"expires_at\":\"{expires_at}\"");
        let text = call_line(1, 6543, "active", "2026-04-30T08:00:00Z", &more)
            + &message_line(1, "a", "2026-04-30T09:00:00Z", "");
        imported(&store, &format!("{PARENTS}{text}"));
        let wanted = if lives { ("active", None) } else { ("completed", Some(at(expires_at))) };
        assert_eq!(status(&store, 1, now()), wanted);
    }
}

#[test]
fn of_the_conversations_of_one_session_the_latest_lives() {
    // Started, last message; the last column is when those that lose it ended.
    let rows = [
        (1, "2026-04-30T11:10:00Z", Some("2026-04-30T11:20:00Z")),
        (2, "2026-04-30T11:20:00Z", Some("2026-04-30T11:30:00Z")),
        (3, "2026-04-30T11:30:00Z", None),
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let store = store();
        let lines: String = order.iter().map(|&row: &usize| active(rows[row].0, rows[row].1)).collect();
        imported(&store, &format!("{PARENTS}{lines}"));
        let living: Vec<u64> =
            rows.iter().map(|row| row.0).filter(|id| status(&store, *id, now()).0 == "active").collect();
        assert_eq!(living, [3], "{order:?}");
        if order == [0, 1, 2] {
            for (id, _, end) in rows {
                assert_eq!(status(&store, id, now()).1, end.map(at), "call {id}");
            }
        }
        assert_eq!(joined(&inbound(&store, "SM1", "+15559876543", now())), (3, 2), "{order:?}");
        sound(&store);
    }
}

#[test]
fn a_live_conversation_and_an_imported_one_contend_by_their_last_activity() {
    for (live_at, winner) in [("2026-04-30T11:50:00Z", 1), ("2026-04-30T11:20:00Z", 101)] {
        let store = store();
        imported(&store, PARENTS);
        assert_eq!(joined(&inbound(&store, "SM1", "+15559876543", at(live_at))), (1, 1));
        imported(&store, &active(101, "2026-04-30T11:30:00Z"));
        let living: Vec<u64> =
            [1, 101].into_iter().filter(|id| status(&store, *id, now()).0 == "active").collect();
        assert_eq!(living, [winner], "live at {live_at}");
        assert_eq!(joined(&inbound(&store, "SM2", "+15559876543", now())), (winner, 2));
        sound(&store);
    }
}

#[test]
fn an_expired_conversation_that_is_still_bound_is_closed_at_its_expiry() {
    let store = store();
    imported(&store, PARENTS);
    inbound(&store, "SM1", "+15559876543", at("2026-04-30T09:00:00Z"));
    imported(&store, &active(101, "2026-04-30T11:30:00Z"));
    assert_eq!(call(&store, 1).unwrap().ended_at, Some(at("2026-04-30T10:00:00Z")));
    assert_eq!(status(&store, 101, now()), ("active", None));
}

#[test]
fn an_active_conversation_without_messages_lives_from_its_start() {
    let store = store();
    let anonymous = call_line(1, 6544, "active", "2026-04-30T11:45:00Z", "").replace("\"id\":1,", "");
    imported(
        &store,
        &format!("{PARENTS}{}{anonymous}", call_line(101, 6543, "active", "2026-04-30T11:30:00Z", "")),
    );
    assert_eq!(joined(&inbound(&store, "SM1", "+15559876543", now())), (101, 1));
    assert_eq!(joined(&inbound(&store, "SM2", "+15559876544", now())), (102, 1));
    sound(&store);
}
