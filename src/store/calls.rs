//! Reads of call records: both channels, archived ones too.
//!
//! No index has them in the order of their start. The index by customer has each once, so a page is
//! picked in one scan of its keys; a filter that the key does not tell (status, duration) reads
//! each record that the others leave. What is held meanwhile is bounded, however deep the page.

use super::error::ReadError;
use super::key::{self, ThreadKey, ThreadPart};
use super::record;
use super::snapshot::Snapshot;
use crate::model::address::AddressQuery;
use crate::model::call::{Call, CallFilter};
use crate::model::ids::{AssistantId, CallId, OrganizationId};
use crate::model::message::Message;
use crate::model::page::Page;
use crate::model::time::Timestamp;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

/// How many records one scan passes over, at 16 bytes each. A deeper page takes more scans.
const SKIPPED_PER_SCAN: u64 = 65_536;

type Start = (Timestamp, CallId);

impl Snapshot {
    /// How many records match, and a page of them: the newest start first, ties by id downwards.
    pub fn list_calls(
        &self,
        organization: OrganizationId,
        filter: &CallFilter,
        page: Page,
        now: Timestamp,
    ) -> Result<(u64, Vec<(CallId, Call)>), ReadError> {
        let (total, page) =
            pick(page, SKIPPED_PER_SCAN, |visit| self.each_call(organization, filter, now, visit))?;
        let calls = page.into_iter().map(|(_, id)| Ok(self.call(organization, id)?.map(|call| (id, call))));
        Ok((total, calls.filter_map(Result::transpose).collect::<Result<_, ReadError>>()?))
    }

    /// Visits the records that match, in no order that means anything.
    fn each_call(
        &self,
        organization: OrganizationId,
        filter: &CallFilter,
        now: Timestamp,
        visit: &mut dyn FnMut(Start),
    ) -> Result<(), ReadError> {
        let assistants =
            filter.assistant_name.as_deref().map(|name| self.assistants_named(organization, name));
        let named = |id| assistants.as_ref().is_none_or(|assistants| assistants.contains(&id));
        let starts = |customer: &str, assistant_id, started_at| {
            named(assistant_id) && filter.matches_start(customer, assistant_id, started_at)
        };
        if let Some(sid) = &filter.call_sid {
            if let Some((id, call)) = self.call_of_sid(organization, sid)?
                && starts(call.customer.as_str(), call.assistant_id, call.started_at)
                && filter.matches_record(&call, now)
            {
                visit((call.started_at, id));
            }
            return Ok(());
        }
        let prefix = match &filter.customer {
            Some(AddressQuery::Exactly(customer)) => key::address(organization, customer),
            _ => key::organization(organization).to_vec(),
        };
        let (from, to) = key::starting_with(&prefix);
        for row in self.tables.calls_by_customer.range(from.as_slice()..=to.as_slice())? {
            let (key, _) = row?;
            let damaged =
                || ReadError::Damaged { table: "calls_by_customer", reason: "a key is no call".into() };
            let (customer, assistant_id, started_at, id) =
                key::customer_parts(key.value()).ok_or_else(damaged)?;
            if starts(customer, assistant_id, started_at)
                && (!filter.needs_record()
                    || self.call(organization, id)?.is_some_and(|call| filter.matches_record(&call, now)))
            {
                visit((started_at, id));
            }
        }
        Ok(())
    }

    fn assistants_named(&self, organization: OrganizationId, part: &str) -> BTreeSet<AssistantId> {
        let (directory, part) = (self.directory().view(), part.to_lowercase());
        let names = directory.assistant_names(organization).iter();
        names.filter(|(_, name)| name.to_lowercase().contains(&part)).map(|(id, _)| *id).collect()
    }

    /// The record with this `call_sid`, which is its channel and id.
    pub fn call_of_sid(
        &self,
        organization: OrganizationId,
        sid: &str,
    ) -> Result<Option<(CallId, Call)>, ReadError> {
        let id = sid.split_once('_').and_then(|(_, id)| crate::model::ids::parse_id(id)).map(CallId);
        let Some(id) = id else { return Ok(None) };
        Ok(self.call(organization, id)?.filter(|call| call.sid(id) == sid).map(|call| (id, call)))
    }

    /// Visits the messages of a record in the order of their index; an archived one shows none any more.
    /// `false`: there is no such record.
    pub fn call_messages(
        &self,
        organization: OrganizationId,
        id: CallId,
        mut visit: impl FnMut(u32, &Message<'_>),
    ) -> Result<bool, ReadError> {
        let Some(call) = self.call(organization, id)? else { return Ok(false) };
        if call.archived {
            return Ok(true);
        }
        let key = |index: u32| key::thread(organization, id, ThreadPart::Message, u64::from(index));
        for row in self.tables.threads.range::<&ThreadKey>(&key(1)..=&key(u32::MAX))? {
            let (key, bytes) = row?;
            let index = u32::try_from(key::thread_number(key.value())).unwrap_or(u32::MAX);
            visit(index, &record::decode_message(bytes.value())?);
        }
        Ok(true)
    }
}

/// How many a scan visits, and a page of them, the newest first. `scan` visits the same each time.
fn pick<E>(
    page: Page,
    skipped_per_scan: u64,
    mut scan: impl FnMut(&mut dyn FnMut(Start)) -> Result<(), E>,
) -> Result<(u64, Vec<Start>), E> {
    let (mut to_skip, mut before, mut total) = (page.skip, None, None);
    loop {
        let skipped = to_skip.min(skipped_per_scan);
        let is_last = skipped == to_skip;
        let most = skipped as usize + if is_last { page.limit } else { 0 };
        let mut newest = BinaryHeap::new();
        let mut visited = 0;
        scan(&mut |start| {
            visited += 1;
            if before.is_none_or(|before| start < before) {
                newest.push(Reverse(start));
            }
            if newest.len() > most {
                newest.pop();
            }
        })?;
        let total = *total.get_or_insert(visited);
        if page.skip >= total {
            return Ok((total, Vec::new()));
        }
        let mut newest = newest.into_sorted_vec().into_iter().map(|Reverse(start)| start);
        if is_last {
            return Ok((total, newest.skip(skipped as usize).collect()));
        }
        before = newest.next_back();
        to_skip -= skipped;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_page_is_the_same_in_however_many_scans_it_is_found(
            times in proptest::collection::vec(0i64..20, 0..60), skip in 0u64..70, limit in 0usize..20, per_scan in 1u64..30
        ) {
            let starts: Vec<Start> =
                times.into_iter().enumerate().map(|(id, time)| (Timestamp(time), CallId(id as u64))).collect();
            let scan = |visit: &mut dyn FnMut(Start)| {
                starts.iter().for_each(|start| visit(*start));
                Ok::<_, ()>(())
            };
            let found = pick(Page { skip, limit }, per_scan, scan).unwrap();
            let mut sorted = starts.clone();
            sorted.sort_by_key(|start| Reverse(*start));
            let page = sorted.into_iter().skip(skip as usize).take(limit).collect();
            prop_assert_eq!(found, (starts.len() as u64, page));
        }
    }
}
