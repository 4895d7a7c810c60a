//! The house keeps its shape: arrows point down, each engine has one room, the budgets hold, and
//! the documents name what is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<(String, String)> {
    fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    walk(&root().join("src"), &mut found);
    let read = |path: PathBuf| {
        let name = path.strip_prefix(root().join("src")).unwrap().to_string_lossy().replace('\\', "/");
        (name, fs::read_to_string(&path).unwrap())
    };
    found.into_iter().filter(|path| path.extension().is_some_and(|end| end == "rs")).map(read).collect()
}

/// The floor of a source file: its first directory or its own name.
fn floor(file: &str) -> &str {
    file.split(['/', '.']).next().unwrap()
}

/// Who may know whom. What is not listed may know nothing of ours.
const ARROWS: [(&str, &[&str]); 15] = [
    ("cli", &["server", "fixture", "logging", "web", "app", "store", "config", "clock", "model"]),
    (
        "server",
        &[
            "fixture", "web", "jobs", "app", "store", "sessions", "carriers", "config", "clock", "metrics",
            "model",
        ],
    ),
    ("embedded", &["server", "fixture", "app", "store", "config", "model"]),
    ("fixture", &["web", "app", "store", "carriers", "config", "clock", "model"]),
    ("web", &["app", "store", "carriers", "config", "metrics", "model"]),
    ("jobs", &["app", "metrics"]),
    ("app", &["store", "sessions", "carriers", "clock", "metrics", "model"]),
    ("store", &["metrics", "model"]),
    ("sessions", &["model"]),
    ("carriers", &["model"]),
    ("clock", &["model"]),
    ("metrics", &["model"]),
    ("logging", &["config"]),
    ("config", &["model"]),
    ("model", &[]),
];

/// The floors that a file names after `crate::`.
fn known_floors(text: &str) -> BTreeSet<&str> {
    let after = text.split("crate::").skip(1);
    let names =
        after.map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap());
    names.filter(|name| ARROWS.iter().any(|(floor, _)| floor == name)).collect()
}

#[test]
fn arrows_point_down() {
    for (file, text) in sources() {
        let own = floor(&file);
        if ["main", "lib"].contains(&own) {
            continue;
        }
        let (_, allowed) = ARROWS
            .iter()
            .find(|(floor, _)| *floor == own)
            .unwrap_or_else(|| panic!("{file}: an unknown floor"));
        for known in known_floors(&text) {
            assert!(known == own || allowed.contains(&known), "{file} knows {known}");
        }
    }
}

#[test]
fn each_engine_has_one_room() {
    for (file, text) in sources() {
        for (library, rooms) in [
            ("redb", &["store"][..]),
            ("axum", &["web", "server", "fixture"]),
            ("moka", &["sessions"]),
            ("clap", &["cli", "config"]),
        ] {
            let named = text.contains(&format!("{library}::"));
            assert!(!named || rooms.contains(&floor(&file)), "{file} names {library}");
        }
    }
}

#[test]
fn the_budgets_hold() {
    let lines = |text: &str| text.lines().count();
    // What runs: neither comments, nor blank lines, nor the unit tests at the ends of files.
    let code = |text: &str| {
        let text = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
    };
    let sources = sources();
    let total = sources.iter().map(|(_, text)| code(text)).sum::<usize>();
    assert!(total <= 45_500, "{total} lines of code");
    for (file, text) in &sources {
        assert!(lines(text) <= 600, "{file}: is there a second noun in it?");
        assert!(text.starts_with("//!"), "{file} does not say what it owns");
    }
}

#[test]
fn the_documents_name_what_is_there() {
    for document in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = fs::read_to_string(root().join(document)).unwrap();
        for quoted in text.split('`').skip(1).step_by(2) {
            let is_path =
                ["src/", "tests/", "benches/", ".ci/"].iter().any(|start| quoted.starts_with(start));
            let is_plain = quoted.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
            assert!(
                !(is_path && is_plain) || root().join(quoted).exists(),
                "{document}: {quoted} is not there"
            );
        }
    }
}

#[test]
fn the_documented_environment_variables_exist() {
    let known: BTreeSet<String> = smslite::config::KEYS.iter().map(|key| key.variable()).collect();
    let others =
        ["SMSLITE_CONFIG", "SMSLITE_BOOTSTRAP_API_KEY", "SMSLITE_ADMIN_EMAIL", "SMSLITE_ADMIN_PASSWORD"];
    let text = fs::read_to_string(root().join("README.md")).unwrap();
    for rest in text.split("SMSLITE_").skip(1) {
        let name: String = rest.chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
        let name = format!("SMSLITE_{name}");
        let name = name.trim_end_matches("_FILE").trim_end_matches('_');
        assert!(name == "SMSLITE" || known.contains(name) || others.contains(&name), "README.md: {name}");
    }
}

/// Licenses that ask for no more than to be named.
const LICENSES: [&str; 10] = [
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Unicode-3.0",
    "Zlib",
    "Unlicense",
    "BSL-1.0",
    // Mozilla's list of certificate authorities, which is data.
    "CDLA-Permissive-2.0",
];

#[test]
fn dependencies_are_few_and_freely_licensed() {
    let version = std::process::Command::new("rustc").arg("-vV").output().unwrap();
    let version = String::from_utf8(version.stdout).unwrap();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = std::process::Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    assert!(packages.len() <= 220, "{} crates", packages.len());
    for package in packages {
        let license = package["license"].as_str().unwrap_or_default().replace('/', " OR ");
        let free = license.split(" OR ").any(|choice| {
            choice
                .trim_matches(['(', ')'])
                .split(" AND ")
                .all(|part| LICENSES.contains(&part.trim_matches(['(', ')', ' '])))
        });
        assert!(free, "{}: {license}", package["name"]);
    }
}
