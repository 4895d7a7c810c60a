//! What is seen of this machine's files and disk. Nothing is left behind.

use super::Finding;
use super::judge::machine::{self, Backups};
use crate::app::backup::all_files;
use crate::config::Settings;
use crate::model::time::Timestamp;
use crate::store::DataDir;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

const WRITES: usize = 20;
const PAGE: [u8; 4096] = [0; 4096];
/// Whose files have secrets in them, or everything.
#[cfg(unix)]
const FILES: [&str; 4] = ["smslite.redb", "server.json", "jwt-secret", "lock"];

pub(super) fn data_directory(dir: &Path) -> Vec<Finding> {
    let shown = dir.display();
    if !dir.exists() {
        let finding = format!("there is no {shown} yet; the first start makes it");
        return vec![Finding::skip("data directory", finding)];
    }
    if !dir.is_dir() {
        let finding = format!("{shown} is not a directory");
        return vec![Finding::fail("data directory", finding, "name another with --data-dir")];
    }
    let mut findings = vec![match DataDir::has_database(dir) {
        true => Finding::ok("data directory", format!("{shown} has a database")),
        false => Finding::skip("data directory", format!("there is no database in {shown} yet")),
    }];
    findings.extend(permissions(dir));
    findings.extend(space(dir));
    findings.extend(speed(dir));
    findings
}

#[cfg(unix)]
fn permissions(dir: &Path) -> Vec<Finding> {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| Some(path.metadata().ok()?.permissions().mode() & 0o7777);
    let files = FILES.iter().map(|name| dir.join(name));
    let files: Vec<_> = files.filter_map(|path| Some((path.display().to_string(), mode(&path)?))).collect();
    let own = mode(dir).unwrap_or(0o700);
    machine::permissions((&dir.display().to_string(), own), &files)
}

#[cfg(not(unix))]
fn permissions(_: &Path) -> Vec<Finding> {
    Vec::new()
}

#[cfg(unix)]
fn space(dir: &Path) -> Option<Finding> {
    let disk = match rustix::fs::statvfs(dir) {
        Ok(disk) => disk,
        Err(error) => return Some(Finding::skip("disk space", format!("it cannot be told: {error}"))),
    };
    let database = DataDir::database(dir).metadata().map_or(0, |found| found.len());
    Some(machine::space(disk.f_bavail.saturating_mul(disk.f_frsize), database))
}

#[cfg(not(unix))]
fn space(_: &Path) -> Option<Finding> {
    None
}

/// Writes a small file, and tells whose it is: ours.
fn speed(dir: &Path) -> Vec<Finding> {
    let write = || -> std::io::Result<(Vec<Duration>, Option<Finding>)> {
        // It is removed whatever happens.
        let mut file = tempfile::Builder::new().prefix(".doctor-").tempfile_in(dir)?;
        let mut times = Vec::new();
        for _ in 0..WRITES {
            file.write_all(&PAGE)?;
            let began = Instant::now();
            file.as_file().sync_all()?;
            times.push(began.elapsed());
        }
        Ok((times, owner(dir, file.path())))
    };
    match write() {
        Ok((times, owner)) => owner.into_iter().chain([machine::fsync(times)]).collect(),
        Err(error) => {
            let finding = format!("{} cannot be written by this user: {error}", dir.display());
            vec![Finding::fail(
                "disk speed",
                finding,
                "run this command as the service's user, or give the directory to it",
            )]
        }
    }
}

#[cfg(unix)]
fn owner(dir: &Path, own: &Path) -> Option<Finding> {
    use std::os::unix::fs::MetadataExt;
    let uid = |path: &Path| path.metadata().ok().map(|found| found.uid());
    machine::owner(&dir.display().to_string(), uid(dir)?, uid(own)?)
}

#[cfg(not(unix))]
fn owner(_: &Path, _: &Path) -> Option<Finding> {
    None
}

pub(super) fn backups(settings: &Settings, now: Timestamp) -> Vec<Finding> {
    let scheduled = settings.backup.as_ref().map(|backup| Backups {
        dir: backup.dir.display().to_string(),
        every_hours: backup.every_hours,
        newest_age: newest_age(&backup.dir, now).map_err(|error| error.to_string()),
        same_disk: is_same_disk(&backup.dir, &settings.data_dir),
    });
    machine::backups(scheduled.as_ref())
}

fn newest_age(dir: &Path, now: Timestamp) -> std::io::Result<Option<u64>> {
    let mut newest = None;
    for path in all_files(dir)? {
        newest = newest.max(path.metadata()?.modified()?.duration_since(std::time::UNIX_EPOCH).ok());
    }
    let now = now.unix_seconds().unsigned_abs();
    Ok(newest.map(|written| now.saturating_sub(written.as_secs())))
}

#[cfg(unix)]
fn is_same_disk(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let disk = |path: &Path| path.metadata().ok().map(|found| found.dev());
    disk(one).is_some() && disk(one) == disk(other)
}

#[cfg(not(unix))]
fn is_same_disk(_: &Path, _: &Path) -> bool {
    false
}
