//! What is due: the dispatcher's look at the outbox, lane by lane.

use crate::model::ids::OrganizationId;
use crate::model::message_log::Provider;
use crate::model::outbound::JobStatus;
use crate::model::time::Timestamp;
use crate::store::error::ReadError;
use crate::store::key;
use crate::store::snapshot::Snapshot;

/// The outbox of one of our numbers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lane {
    pub organization: OrganizationId,
    pub our_number: String,
}

/// A job about which something is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    pub lane: Lane,
    pub provider: Provider,
    pub at: Timestamp,
    pub uuid: [u8; 16],
}

impl Snapshot {
    /// Of one organization, or of every one, the first of each lane that `wanted` takes, whether it is due yet or not: what is passed over is under way.
    /// Costs one look a lane and one for each that is passed over.
    pub fn outbox_heads(
        &self,
        of: Option<OrganizationId>,
        mut wanted: impl FnMut(&[u8; 16]) -> bool,
    ) -> Result<Vec<Due>, ReadError> {
        let mut heads = Vec::new();
        let (mut from, until) =
            key::starting_with(&of.map_or(Vec::new(), |of| key::organization(of).to_vec()));
        'lanes: loop {
            let mut lane_end = None;
            for row in self.tables.outbox.range::<&[u8]>(from.as_slice()..=until.as_slice())? {
                let (key, provider) = row?;
                // One that is damaged a check tells of; the others go on.
                let Ok(due) = due(key.value(), provider.value()) else { continue };
                let end = lane_end.get_or_insert_with(|| {
                    key::starting_with(&key::lane(due.lane.organization, &due.lane.our_number)).1
                });
                if key.value() > end.as_slice() {
                    break;
                }
                if wanted(&due.uuid) {
                    heads.push(due);
                    break;
                }
            }
            match lane_end {
                Some(end) => from = end,
                None => break 'lanes,
            }
        }
        Ok(heads)
    }

    /// Every job that is being sent, as far as the last commit knows.
    pub fn claimed_jobs(&self, organization: OrganizationId) -> Result<Vec<Due>, ReadError> {
        let mut found = Vec::new();
        let counts = self.job_counts(organization)?;
        if counts.iter().all(|(_, status, count)| *status != JobStatus::Sending || *count == 0) {
            return Ok(found);
        }
        let (from, to) = key::starting_with(&key::organization(organization));
        for row in self.tables.outbox.range(from.as_slice()..=to.as_slice())? {
            let (key, provider) = row?;
            let due = due(key.value(), provider.value())?;
            let job = self.job(organization, due.uuid)?;
            found.extend(job.filter(|job| job.status == JobStatus::Sending).map(|_| due));
        }
        Ok(found)
    }
}

fn due(key: &[u8], provider: &[u8]) -> Result<Due, ReadError> {
    let damaged = || ReadError::Damaged { table: "outbox", reason: "a row is of no job".to_owned() };
    let (our_number, at, uuid) = key::outbox_parts(key).ok_or_else(damaged)?;
    let &[provider] = provider else { return Err(damaged()) };
    let provider = Provider::numbered(provider.into()).ok_or_else(damaged)?;
    let lane = Lane { organization: key::organization_of(key), our_number: our_number.to_owned() };
    Ok(Due { lane, provider, at, uuid })
}
