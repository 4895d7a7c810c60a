//! Blocks of message logs. The ids are cut into ranges of one size, and a row each tells how many logs there are of each
//! kind and assistant and between which times they were created, so that totals and pages far down are found without
//! looking at each log. A block's key is the last id of its range, and it begins after the block before: so each log is
//! in one block, whatever size they were made with, and where a block vanishes the next one takes its place.
//!
//! Counts are exact, times are bounds. What stands first in the record is enough where no assistant is asked for.

use super::error::ReadError;
use super::key::{self, SerialKey};
use super::log_row;
use super::record::{self, Fields};
use super::span::Span;
use crate::model::ids::AssistantId;
use crate::model::message_log::{LogFilter, LogKind, MessageLog};
use crate::model::time::Timestamp;
use serde::{Deserialize, Serialize};

pub(super) const TABLE: &str = "log_blocks";

/// What a block knows of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    assistant: Option<AssistantId>,
    kind: LogKind,
    created_at: Timestamp,
}

impl Facts {
    pub(super) fn of(log: &MessageLog) -> Facts {
        let kind = LogKind { direction: log.direction, status: log.status, provider: log.provider };
        Facts { assistant: log.assistant_id, kind, created_at: log.created_at }
    }

    fn stored(bytes: &[u8]) -> Result<Facts, ReadError> {
        let log = log_row::read(bytes)?;
        Ok(Facts { assistant: log.assistant_id, kind: log.kind(), created_at: log.created_at })
    }
}

/// How many logs there are of the kinds that occur, in the order of their numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Kinds(Vec<(u8, u32)>);

impl Kinds {
    fn rows(&self) -> u64 {
        self.0.iter().map(|(_, count)| u64::from(*count)).sum()
    }

    fn add(&mut self, kind: LogKind) {
        match self.place(kind) {
            Ok(place) => self.0[place].1 += 1,
            Err(place) => self.0.insert(place, (kind.number(), 1)),
        }
    }

    /// False: there is none to take away.
    fn remove(&mut self, kind: LogKind) -> bool {
        let Ok(place) = self.place(kind) else { return false };
        let count = &mut self.0[place].1;
        *count = count.saturating_sub(1);
        if *count == 0 {
            self.0.remove(place);
        }
        true
    }

    fn place(&self, kind: LogKind) -> Result<usize, usize> {
        self.0.binary_search_by_key(&kind.number(), |(number, _)| *number)
    }
}

/// The value of a row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LogBlock {
    kinds: Kinds,
    created: Span,
    /// The same of each, in the order of their ids; first of what is of none.
    assistants: Vec<(Option<AssistantId>, Kinds)>,
}

impl LogBlock {
    pub(super) fn rows(&self) -> u64 {
        self.kinds.rows()
    }

    pub(super) fn add(&mut self, log: &Facts) {
        self.created.add(log.created_at);
        self.kinds.add(log.kind);
        let place = self.place(log.assistant).unwrap_or_else(|place| {
            self.assistants.insert(place, (log.assistant, Kinds::default()));
            place
        });
        self.assistants[place].1.add(log.kind);
    }

    /// False: it was not counted here.
    pub(super) fn remove(&mut self, log: &Facts) -> bool {
        let Ok(place) = self.place(log.assistant) else { return false };
        if !(self.kinds.remove(log.kind) && self.assistants[place].1.remove(log.kind)) {
            return false;
        }
        if self.assistants[place].1.0.is_empty() {
            self.assistants.remove(place);
        }
        true
    }

    fn place(&self, assistant: Option<AssistantId>) -> Result<usize, usize> {
        self.assistants.binary_search_by_key(&assistant, |(id, _)| *id)
    }

    /// Whether it says of these logs what is true.
    pub(super) fn is_true_of(&self, logs: &LogBlock) -> bool {
        self.kinds == logs.kinds && self.assistants == logs.assistants && self.created.holds(logs.created)
    }
}

/// How many of a stored block's logs match, and how many it has; `see` is shown how many of each kind match, if that is
/// known. Of matches none: only the rows tell, or the block cannot be read, which nobody trusts then.
pub(super) fn count(bytes: &[u8], filter: &LogFilter, see: impl FnMut(LogKind, u64)) -> (Option<u64>, u64) {
    record::fields(TABLE, bytes).ok().and_then(|fields| read(fields, filter, see)).unwrap_or((None, u64::MAX))
}

/// Between which times a stored block's logs were created; `see` is shown how many there are of each kind. `None`: it cannot be
/// read, and what was shown is not to be trusted.
pub(super) fn created(bytes: &[u8], mut see: impl FnMut(LogKind, u64)) -> Option<Span> {
    let (mut fields, mut are_known) = (record::fields(TABLE, bytes).ok()?, true);
    each(&mut fields, |number, count| match LogKind::numbered(number) {
        Some(kind) => see(kind, count),
        None => are_known = false,
    })?;
    are_known.then_some(Span { least: fields.time()?, most: fields.time()? })
}

/// The fields of [`LogBlock`] in their order; a list is counted by thousands of blocks, and nothing is copied.
fn read(
    mut fields: Fields<'_>,
    filter: &LogFilter,
    mut see: impl FnMut(LogKind, u64),
) -> Option<(Option<u64>, u64)> {
    let (kinds, mut rows, mut matching) = (Fields(fields.0), 0, 0);
    let of_kind = |number| LogKind::numbered(number).filter(|kind| filter.matches_kind(*kind));
    each(&mut fields, |number, count| {
        rows += count;
        matching += of_kind(number).map_or(0, |_| count);
    })?;
    let created = Span { least: fields.time()?, most: fields.time()? };
    let asked = Span::asked(filter.created_from, filter.created_to);
    if matching == 0 || created.is_apart_from(asked) {
        return Some((Some(0), rows));
    }
    let kinds = match filter.assistant_id {
        None => Some(kinds),
        Some(assistant) => kinds_of(&mut fields, assistant)?,
    };
    let known = !filter.is_of_texts() && asked.holds(created);
    matching = 0;
    if let Some(mut kinds) = kinds {
        each(&mut kinds, |number, count| {
            if let Some(kind) = of_kind(number) {
                matching += count;
                if known {
                    see(kind, count);
                }
            }
        })?;
    }
    Some((Some(matching).filter(|matching| known || *matching == 0), rows))
}

/// Takes [`Kinds`] off.
fn each(fields: &mut Fields<'_>, mut see: impl FnMut(u8, u64)) -> Option<()> {
    for _ in 0..fields.number()? {
        see(fields.byte()?, u64::from(fields.short_number()?));
    }
    Some(())
}

/// Where those of an assistant begin; the inner none: it has none.
fn kinds_of<'a>(fields: &mut Fields<'a>, assistant: AssistantId) -> Option<Option<Fields<'a>>> {
    for _ in 0..fields.number()? {
        let id = fields.optional(Fields::number)?.map(AssistantId);
        if id == Some(assistant) {
            return Some(Some(Fields(fields.0)));
        }
        each(fields, |_, _| ())?;
    }
    Some(None)
}

/// Makes blocks of logs that go by in their order.
pub(super) struct Cutter {
    size: u64,
    blocks: Vec<(SerialKey, LogBlock)>,
}

impl Cutter {
    /// Of ranges of so many ids.
    pub(super) fn new(size: u64) -> Cutter {
        Cutter { size: size.max(1), blocks: Vec::new() }
    }

    /// A row that cannot be read is told by a check, and counted by nobody.
    pub(super) fn add(&mut self, key: &SerialKey, bytes: &[u8]) {
        let Ok(facts) = Facts::stored(bytes) else { return };
        let end = key::serial(key::organization_of(key), end_of(key::serial_id(key), self.size));
        if self.blocks.last().is_none_or(|(last, _)| *last != end) {
            self.blocks.push((end, LogBlock::default()));
        }
        if let Some((_, block)) = self.blocks.last_mut() {
            block.add(&facts);
        }
    }

    /// The last one reaches to `end`, if that is given.
    pub(super) fn finish(mut self, end: Option<SerialKey>) -> Vec<(SerialKey, LogBlock)> {
        if let (Some(last), Some(end)) = (self.blocks.last_mut(), end) {
            last.0 = end;
        }
        self.blocks
    }
}

/// The last id of the range that an id is in.
pub(super) fn end_of(id: u64, size: u64) -> u64 {
    (id - id % size).saturating_add(size - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::message_log::{LogCounts, any_log};
    use crate::model::search::{Scratch, Search};
    use proptest::prelude::*;
    use proptest::sample::select;

    fn logs() -> impl Strategy<Value = MessageLog> {
        let of_few = (proptest::option::of(0..3u64), 0..20i64);
        (any_log(), of_few).prop_map(|(log, (assistant, created_at))| MessageLog {
            assistant_id: assistant.map(AssistantId),
            created_at: Timestamp(created_at),
            ..log
        })
    }

    fn filters() -> impl Strategy<Value = LogFilter> {
        let kinds = || proptest::option::of(select(LogKind::all().collect::<Vec<_>>()));
        let times = || proptest::option::of((0..20i64).prop_map(Timestamp));
        let assistants = proptest::option::of((0..4u64).prop_map(AssistantId));
        (kinds(), kinds(), kinds(), assistants, times(), times()).prop_map(
            |(provider, direction, status, assistant_id, created_from, created_to)| LogFilter {
                provider: provider.map(|kind| kind.provider),
                direction: direction.map(|kind| kind.direction),
                status: status.map(|kind| kind.status),
                assistant_id,
                created_from,
                created_to,
                ..LogFilter::default()
            },
        )
    }

    fn stored(log: &MessageLog) -> Vec<u8> {
        let mut bytes = Vec::new();
        record::encode(log, &mut bytes);
        bytes
    }

    fn matches(filter: &LogFilter, log: &MessageLog) -> bool {
        filter.matches(&log_row::read(&stored(log)).unwrap(), &mut Scratch::default())
    }

    proptest! {
        #[test]
        fn what_a_block_says_is_what_its_logs_say(
            came in proptest::collection::vec((logs(), any::<bool>()), 0..12), filter in filters(), text in any::<bool>()
        ) {
            let (mut block, mut cutter) = (LogBlock::default(), Cutter::new(100));
            came.iter().for_each(|(log, _)| block.add(&Facts::of(log)));
            for (log, _) in came.iter().filter(|(_, stays)| !stays) {
                prop_assert!(block.remove(&Facts::of(log)));
            }
            let stay: Vec<_> = came.iter().filter(|(_, stays)| *stays).map(|(log, _)| log).collect();
            let org = crate::model::ids::OrganizationId(1);
            for (id, log) in stay.iter().enumerate() {
                cutter.add(&key::serial(org, id as u64), &stored(log));
            }
            let exact = cutter.finish(None).pop().unwrap_or_default().1;
            prop_assert!(block.is_true_of(&exact));

            let search = text.then(|| Search::new("e"));
            let filter = LogFilter { search, ..filter };
            let matching: Vec<_> = stay.iter().filter(|log| matches(&filter, log)).collect();
            let mut bytes = Vec::new();
            for block in [&block, &exact] {
                record::encode(block, &mut bytes);
                let mut kinds = LogCounts::default();
                let (known, rows) = count(&bytes, &filter, |kind, count| kinds.add(kind, count));
                prop_assert_eq!(rows, stay.len() as u64);
                if let Some(known) = known {
                    prop_assert_eq!((known, kinds.total()), (matching.len() as u64, matching.len() as u64));
                    let mut wanted = LogCounts::default();
                    matching.iter().for_each(|log| wanted.add(Facts::of(log).kind, 1));
                    prop_assert_eq!(kinds.by(|kind| kind), wanted.by(|kind| kind));
                }
                let is_simple = filter.search.is_none() && filter.created_from.or(filter.created_to).is_none();
                prop_assert!(known.is_some() || !is_simple);
                // One that is cut short says nothing that is wrong.
                for end in 0..bytes.len() {
                    let (known, rows) = count(&bytes[..end], &filter, |_, _| ());
                    prop_assert!(known.is_none_or(|known| known == matching.len() as u64), "{}, {}", end, rows);
                }
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40), filter in filters()) {
            count(&[&[record::VERSION], bytes.as_slice()].concat(), &filter, |_, _| ());
        }

        #[test]
        fn an_id_is_in_the_range_that_ends_there(id in any::<u64>(), size in prop_oneof![1..9u64, Just(4096)]) {
            let end = end_of(id, size);
            prop_assert!(end >= id && end - id < size);
            prop_assert!(end == u64::MAX || (end + 1).is_multiple_of(size));
        }
    }

    #[test]
    fn what_was_never_counted_cannot_be_taken_away() {
        let kind = LogKind::all().next().unwrap();
        let log = |assistant, kind| Facts { assistant, kind, created_at: Timestamp(5) };
        let mut block = LogBlock::default();
        block.add(&log(None, kind));
        assert!(!block.remove(&log(Some(AssistantId(1)), kind)));
        assert!(!block.remove(&log(None, LogKind::all().last().unwrap())));
        assert!(block.remove(&log(None, kind)));
        assert_eq!(block.rows(), 0);
    }
}
