//! What may be said after `cargo bench --`.

use anyhow::{Context, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};

pub(crate) struct Size {
    pub conversations: u64,
    pub rounds: usize,
    pub seconds: f64,
    /// Only cases, or parts of the scale, whose name has this in it.
    pub only: Option<String>,
    /// The program that the scale is measured with.
    pub binary: Option<PathBuf>,
}

impl Size {
    pub(crate) fn of_floors(words: &[&str]) -> anyhow::Result<Size> {
        Size::read(words, Size { conversations: 100_000, rounds: 5, seconds: 2.0, only: None, binary: None })
    }

    pub(crate) fn of_scale(words: &[&str]) -> anyhow::Result<Size> {
        Size::read(
            words,
            Size { conversations: 1_000_000, rounds: 3, seconds: 1.0, only: None, binary: None },
        )
    }

    fn read(words: &[&str], mut size: Size) -> anyhow::Result<Size> {
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} wants a value"));
            match *word {
                "--quick" => (size.rounds, size.seconds) = (2, 0.7),
                "--conversations" => size.conversations = value()?.parse()?,
                "--rounds" => size.rounds = value()?.parse()?,
                "--seconds" => size.seconds = value()?.parse()?,
                "--only" => size.only = Some(value()?.to_string()),
                "--binary" => size.binary = Some(PathBuf::from(value()?)),
                other => bail!(
                    "{other}: known are --quick, --conversations N, --rounds N, --seconds S, --only PART-OF-A-NAME \
                     and, of the scale, --binary FILE"
                ),
            }
        }
        ensure!(size.conversations >= 1_000 && size.rounds > 0, "at least 1000 conversations and one round");
        Ok(size)
    }

    /// Where the result goes. A part of it does not take the place of the whole.
    pub(crate) fn json(&self, target: &Path, name: &str) -> anyhow::Result<PathBuf> {
        let dir = target.join("bench");
        fs::create_dir_all(&dir)?;
        let part = if self.only.is_some() { ".part" } else { "" };
        Ok(dir.join(format!("{name}{part}.json")))
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|part| name.contains(part.as_str()))
    }
}
