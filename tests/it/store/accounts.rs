//! Accounts and kept webhooks: what every door promises beside conversations.

use super::acts::{
    ANN, DESK, ORG, SALES, START, address, at, bootstrap, create_key, furnish, keep_audit, message,
    revoke_key, send, set_password,
};
use super::contract::{on_a_file, on_every_door};
use super::door::{Act, Answer, Door, StoreDoor};
use smslite::model::account::KeyHash;
use smslite::model::ids::{ApiKeyId, AuditId};
use smslite::model::time::Timestamp;
use smslite::store::{Bootstrapped, KeepAudit};

#[test]
fn accounts_are_made_changed_and_ended() {
    on_every_door(|door| {
        assert_eq!(door.act(&bootstrap()), Answer::Bootstrapped(Bootstrapped::AlreadyThere));
        assert_eq!(door.act(&set_password(1, at(1))), Answer::Done(true));
        assert_eq!(door.act(&set_password(2, at(1))), Answer::Done(false));
        assert_eq!(door.act(&create_key("sl_live_second", at(2))), Answer::Key(ApiKeyId(2)));
        assert_eq!(door.act(&revoke_key(2, at(3))), Answer::Done(true));
        assert_eq!(door.act(&revoke_key(2, at(4))), Answer::Done(false));
        assert_eq!(door.act(&revoke_key(3, at(4))), Answer::Done(false));
        let accounts = door.accounts(ORG);
        assert_eq!(accounts.users[0].1.updated_at, at(1));
        assert!(accounts.users[0].1.password.is_some());
        let ends: Vec<_> = accounts.keys.iter().map(|(id, key)| (id.0, key.revoked_at)).collect();
        assert_eq!(ends, [(1, None), (2, Some(at(3)))]);
        let numbers: Vec<_> = accounts.numbers.iter().map(|(number, _)| number.as_str()).collect();
        assert_eq!(numbers, [DESK, SALES]);
    });
}

#[test]
fn kept_webhooks_have_ids_of_their_own_whatever_their_steps() {
    on_every_door(|door| {
        assert_eq!(door.act(&keep_audit("no body", START)), Answer::Audit(AuditId(1)));
        assert_eq!(door.act(&keep_audit("no sender", START)), Answer::Audit(AuditId(3)));
        // A message leaves three steps: received, started, stored.
        send(door, message("SM1", ANN, DESK, START));
        let Act::KeepAudit(kept) = keep_audit("no body", START) else { unreachable!() };
        let silent = Act::KeepAudit(KeepAudit { steps: Vec::new(), ..kept });
        assert_eq!(door.act(&silent), Answer::Audit(AuditId(8)));
        assert_eq!(door.act(&silent), Answer::Audit(AuditId(9)));
        assert_eq!(door.act(&keep_audit("no body", START)), Answer::Audit(AuditId(10)));
    });
}

#[test]
fn a_kept_webhook_that_comes_again_keeps_nothing_new() {
    let mut door = on_a_file();
    furnish(&mut door);
    let keep = |status: &str, now| {
        let Act::KeepAudit(kept) = keep_audit("a receipt", now) else { unreachable!() };
        let told_by = ["twilio", "receipt", "SM1", status].map(str::to_owned).to_vec();
        Act::KeepAudit(KeepAudit { told_by, ..kept })
    };
    let fortnight = Timestamp(14 * 86_400_000_000);
    let first = door.act(&keep("sent", START));
    assert_eq!(door.act(&keep("sent", Timestamp(START.0 + fortnight.0))), first);
    assert_eq!(
        door.act(&keep("sent", Timestamp(START.0 - fortnight.0))),
        first,
        "also when a clock was set back"
    );
    assert_ne!(door.act(&keep("delivered", START)), first);
}

#[test]
fn a_revoked_key_is_known_as_revoked_from_its_answer_on() {
    let mut door = on_a_file();
    furnish(&mut door);
    door.act(&create_key("sl_live_second", START));
    let hash = KeyHash::of("sl_live_second");
    let valid =
        |door: &StoreDoor, now| door.store().directory().key(&hash).map(|owner| owner.key.is_valid(now));
    assert_eq!(valid(&door, at(1)), Some(true));
    door.act(&revoke_key(2, at(1)));
    assert_eq!(valid(&door, at(1)), Some(false));
    door.reopen();
    assert_eq!(valid(&door, at(1)), Some(false));
    assert_eq!(door.store().directory().number_owner(&address(DESK)), Some(ORG));
}
