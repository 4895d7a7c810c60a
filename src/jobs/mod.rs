//! When background work runs and how it stops; what it does is in `app`. Each piece is a command that
//! stands by itself, so the whole may be dropped at any point and goes on at the next start.

use crate::app::{App, backup, forwarding, outbox, purge, retention, search_blocks, sms_sessions, users};
use std::fmt::Display;
use std::time::Duration;
use tokio::task::{JoinHandle, spawn_blocking};

/// How often expired sessions are swept, usage is written down, and a purge that failed is tried again.
const EVERY: Duration = Duration::from_secs(60);

/// How often what is too old is looked for.
const RETAIN_EVERY: Duration = Duration::from_secs(3600);

/// How often it is asked whether something is to be sealed for the search.
const SEAL_EVERY: Duration = Duration::from_secs(5);

/// Background work under way.
pub struct Jobs {
    pieces: [JoinHandle<()>; 4],
    attempts: [JoinHandle<()>; 2],
    app: App,
}

/// Attempts to send and to forward that are under way when the server stops.
pub struct Sends([JoinHandle<()>; 2]);

impl Sends {
    /// Returns once they have ended. What is cut off before has an outcome that nobody knows.
    pub async fn finish(&mut self) {
        for attempts in &mut self.0 {
            // One that panicked has ended too.
            let _ = attempts.await;
        }
    }
}

impl Jobs {
    pub fn start(app: App) -> Jobs {
        Jobs {
            attempts: [tokio::spawn(outbox::run(app.clone())), tokio::spawn(forwarding::run(app.clone()))],
            pieces: [
                tokio::spawn(retain(app.clone())),
                tokio::spawn(back_up(app.clone())),
                tokio::spawn(seal(app.clone())),
                tokio::spawn(work(app.clone())),
            ],
            app,
        }
    }

    /// Returns once nothing runs any more but what is being sent.
    pub async fn stop(self) -> Sends {
        self.app.outbox.stop.notify_one();
        self.app.forwarding.stop.notify_one();
        for job in self.pieces {
            job.abort();
            // It says that it was aborted.
            let _ = job.await;
        }
        Sends(self.attempts)
    }
}

/// Takes as long as it takes, so it holds up nothing else.
async fn retain(app: App) {
    let mut turns = tokio::time::interval(RETAIN_EVERY);
    loop {
        turns.tick().await;
        tell("what is too old could not be deleted", retention::run(&app).await);
    }
}

/// What an older version sealed is sealed anew at the start; a question is enough from then on.
async fn seal(app: App) {
    let mut turns = tokio::time::interval(SEAL_EVERY);
    let mut asks = false;
    loop {
        turns.tick().await;
        let sealed = search_blocks::seal(&app, asks).await;
        asks = sealed.is_ok();
        tell("message logs could not be sealed for the search", sealed);
    }
}

/// Purges at once what a stop interrupted and what an archive leaves; the rest now and then.
async fn work(app: App) {
    let mut turns = tokio::time::interval(EVERY);
    turns.tick().await;
    loop {
        tell("archived conversations could not be purged", purge::run_pending(&app).await);
        tokio::select! {
            () = app.purge_wanted.notified() => {}
            _ = turns.tick() => {
                tell("expired sessions could not be swept", sms_sessions::sweep(&app).await);
                let app = app.clone();
                if let Ok(written) = spawn_blocking(move || users::write_usage(&app)).await {
                    tell("when keys were last used could not be written", written);
                }
            }
        }
    }
}

/// Beside the rest: it may take long.
async fn back_up(app: App) {
    let Some(schedule) = app.backups.clone() else { return };
    let mut turns = tokio::time::interval(EVERY);
    loop {
        turns.tick().await;
        let (app, schedule) = (app.clone(), schedule.clone());
        if let Ok(made) = spawn_blocking(move || backup::run_schedule(&app, &schedule)).await {
            tell("the scheduled backup could not be made", made);
        }
    }
}

/// What failed is tried again at the next turn.
fn tell<T>(what: &str, done: Result<T, impl Display>) {
    if let Err(error) = done {
        tracing::warn!(%error, "{what}");
    }
}
