//! Rows as bytes, whatever table they are of: what backups, upgrades and compacting are made of. It knows
//! keys and values by their length alone.

use super::error::ReadError;
use super::key;
use super::tables::NAMES;
use crate::model::ids::OrganizationId;
use redb::{AccessGuard, Key, ReadOnlyTable, ReadableTable, StorageError, Table, Value};
use serde::{Deserialize, Serialize};
use std::borrow::Borrow;
use std::cell::RefCell;
use std::ops::Deref;

/// A row as it was put, or, without a value, one that was removed.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Row<'a> {
    /// A place in [`NAMES`].
    pub table: u8,
    pub key: &'a [u8],
    pub value: Option<&'a [u8]>,
}

/// Where rows that are written are appended, if anybody wants them.
pub(super) type RowLog<'t> = Option<&'t RefCell<Vec<u8>>>;

pub(super) fn place(name: &str) -> Option<u8> {
    NAMES.iter().position(|known| *known == name).and_then(|place| u8::try_from(place).ok())
}

impl<'a> Row<'a> {
    pub(super) fn append(&self, out: &mut Vec<u8>) {
        let bytes = std::mem::take(out);
        *out = postcard::to_extend(self, bytes).expect("bytes have known lengths, and memory grows");
    }

    /// Takes the first row off what [`Row::append`] made.
    pub(super) fn take(bytes: &mut &'a [u8]) -> Result<Row<'a>, ReadError> {
        let damaged =
            |error: postcard::Error| ReadError::Damaged { table: "rows", reason: error.to_string() };
        let (row, rest) = postcard::take_from_bytes(bytes).map_err(damaged)?;
        *bytes = rest;
        Ok(row)
    }

    pub(super) fn damaged(&self, reason: &str) -> ReadError {
        let table = NAMES.get(usize::from(self.table)).copied().unwrap_or("rows");
        ReadError::Damaged { table, reason: reason.to_owned() }
    }
}

pub(super) fn visit<K: Key + 'static, V: Value + 'static, E: From<StorageError>>(
    table: &ReadOnlyTable<K, V>,
    name: &str,
    visit: &mut impl FnMut(Row<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let place = place(name).expect("a table is among its names");
    for row in table.iter()? {
        let (key, value) = row?;
        let (key, value) = (key.value(), value.value());
        visit(Row {
            table: place,
            key: K::as_bytes(&key).as_ref(),
            value: Some(V::as_bytes(&value).as_ref()),
        })?;
    }
    Ok(())
}

/// As [`visit`], of one organization's rows alone. Without the organization in the key: they may be put under another.
pub(super) fn visit_of<K: Key + 'static, V: Value + 'static>(
    table: &impl ReadableTable<K, V>,
    name: &str,
    organization: OrganizationId,
    visit: &mut impl FnMut(Row<'_>),
) -> Result<(), ReadError> {
    let place = place(name).expect("a table is among its names");
    let (first, last) = prefix_range::<K>(organization);
    for row in table.range(K::from_bytes(&first)..=K::from_bytes(&last))? {
        let (key, value) = row?;
        let (key, value) = (key.value(), value.value());
        let key = K::as_bytes(&key);
        let key = key.as_ref().get(4..).unwrap_or_default();
        visit(Row { table: place, key, value: Some(V::as_bytes(&value).as_ref()) });
    }
    Ok(())
}

/// The first and the last key that an organization's rows may have.
fn prefix_range<K: Key + 'static>(organization: OrganizationId) -> (Vec<u8>, Vec<u8>) {
    let (mut first, mut last) = key::starting_with(&key::organization(organization));
    if let Some(width) = K::fixed_width() {
        first.resize(width, 0);
        last.resize(width, 0xff);
    }
    (first, last)
}

/// A table that tells what is written to it. Reads are the table's own.
pub(super) struct Written<'t, K: Key + 'static, V: Value + 'static> {
    table: Table<'t, K, V>,
    name: &'static str,
    log: RowLog<'t>,
}

impl<'t, K: Key + 'static, V: Value + 'static> Deref for Written<'t, K, V> {
    type Target = Table<'t, K, V>;

    fn deref(&self) -> &Table<'t, K, V> {
        &self.table
    }
}

impl<'t, K: Key + 'static, V: Value + 'static> Written<'t, K, V> {
    pub(super) fn new(table: Table<'t, K, V>, name: &'static str, log: RowLog<'t>) -> Self {
        Written { table, name, log }
    }

    pub(super) fn insert<'k, 'v>(
        &mut self,
        key: impl Borrow<K::SelfType<'k>>,
        value: impl Borrow<V::SelfType<'v>>,
    ) -> Result<Option<AccessGuard<'_, V>>, StorageError> {
        self.tell(K::as_bytes(key.borrow()).as_ref(), Some(V::as_bytes(value.borrow()).as_ref()));
        self.table.insert(key, value)
    }

    pub(super) fn remove<'k>(
        &mut self,
        key: impl Borrow<K::SelfType<'k>>,
    ) -> Result<Option<AccessGuard<'_, V>>, StorageError> {
        self.tell(K::as_bytes(key.borrow()).as_ref(), None);
        self.table.remove(key)
    }

    /// As [`Written::apply`], and tells it.
    pub(super) fn put(&mut self, row: &Row<'_>) -> Result<(), ReadError> {
        self.tell(row.key, row.value);
        self.apply(row)
    }

    /// Removes everything of an organization.
    pub(super) fn erase(&mut self, organization: OrganizationId) -> Result<(), StorageError> {
        let (first, last) = prefix_range::<K>(organization);
        let range = K::from_bytes(&first)..=K::from_bytes(&last);
        let keys: Vec<Vec<u8>> = self
            .table
            .range(range)?
            .map(|row| Ok(K::as_bytes(&row?.0.value()).as_ref().to_vec()))
            .collect::<Result<_, StorageError>>()?;
        for key in keys {
            self.remove(K::from_bytes(&key))?;
        }
        Ok(())
    }

    fn tell(&self, key: &[u8], value: Option<&[u8]>) {
        if let Some(log) = self.log {
            let table = place(self.name).expect("a table is among its names");
            Row { table, key, value }.append(&mut log.borrow_mut());
        }
    }

    /// A key or value of another length than the table's would be no key or value at all.
    pub(super) fn apply(&mut self, row: &Row<'_>) -> Result<(), ReadError> {
        let fits = |width: Option<usize>, bytes: &[u8]| width.is_none_or(|width| width == bytes.len());
        if !fits(K::fixed_width(), row.key) || !row.value.is_none_or(|value| fits(V::fixed_width(), value)) {
            return Err(row.damaged("a row of another length"));
        }
        match row.value {
            Some(value) => self.table.insert(K::from_bytes(row.key), V::from_bytes(value))?,
            None => self.table.remove(K::from_bytes(row.key))?,
        };
        Ok(())
    }
}
