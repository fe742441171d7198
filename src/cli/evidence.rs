//! The record of a run: the inputs, their hashes and the result, so that others can repeat it. Every command keeps one;
//! it is written only with `--manifest`.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};

use cryoscope::{ErrorKind, Limits};
use jiff::Timestamp;
use rayon::prelude::*;
use serde_json::{Map, Value, json};

use super::args::{Cli, Global};
use super::exit::Exit;
use super::inputs;
use super::limits::flag;
use super::newfile::{NewFile, Readers, not_written};
use super::record::{Input, Record, Written, hash_of};
use super::screen::complain;
use super::stdout::Stdout;
use super::{Failure, Outcome};

impl Global {
    /// Whether archives are hashed while being read.
    pub(crate) fn wants_hashes(&self) -> bool {
        self.verify || self.manifest.is_some() || !self.expect_sha256.is_empty()
    }

    /// Records an input that is not an archive. Refuses it if its hash is not the expected one.
    pub(crate) fn input_file(&self, path: &Path) -> Result<(), Failure> {
        if !self.wants_hashes() {
            return Ok(());
        }
        let input = Input::of_file(path.to_owned(), None);
        let found = input.sha256.clone().unwrap_or_else(|| "none".to_owned());
        self.record.lock().inputs.push(input);
        if self.expect_sha256.is_empty() || self.expect_sha256.contains(&found) {
            return Ok(());
        }
        let expected = self.expect_sha256.join(" or ");
        Err(Failure::Archive(ErrorKind::OtherHash { found, expected }.into()))
    }
}

/// Destination of the manifest.
enum Manifest {
    File(NewFile),
    Stdout,
}

impl Manifest {
    /// Opens the manifest. An existing file is refused before anything is read.
    fn open(path: &Path, cli: &Cli) -> Result<Self, Failure> {
        if path != Path::new("-") {
            let claim = cli.global.outputs.claim(path)?;
            return Ok(Manifest::File(NewFile::create(&claim, cli.global.force, Readers::Owner)?));
        }
        if inputs::leaves_stdout_free(cli) {
            return Ok(Manifest::Stdout);
        }
        let message = "--manifest - is standard output, which the results already use; send those to a file with --output, or name \
                       a file for the manifest";
        Err(Failure::Usage(message.to_owned()))
    }

    fn write(self, text: &str, global: &Global) -> Result<(), Failure> {
        match self {
            Manifest::File(mut file) => {
                let path = global.manifest.as_deref().unwrap_or(Path::new("-"));
                writeln!(file.file(), "{text}").map_err(|error| not_written(path, &error))?;
                file.finish().map(drop)
            }
            Manifest::Stdout => Ok(writeln!(Stdout::new(&Record::default()), "{text}")?),
        }
    }
}

/// Runs a command, then prints what `--verify` asks for and writes the manifest.
pub(crate) fn recorded(cli: &Cli, run: impl FnOnce() -> Outcome) -> Outcome {
    let global = &cli.global;
    // An output that would overwrite evidence is refused before anything is written.
    global.outputs.inputs(inputs::of(cli)?.iter().map(PathBuf::as_path))?;
    global.outputs.check_streams()?;
    inputs::written(cli).into_iter().try_for_each(|path| global.outputs.check(path))?;
    let manifest = global.manifest.as_deref().map(|path| Manifest::open(path, cli)).transpose()?;
    global.record.lock().stdout = matches!(manifest, Some(Manifest::File(_))).then(Written::default);
    let started = Timestamp::now();
    let outcome = run();
    // The manifest itself may be the clash.
    if matches!(outcome, Err(Failure::Clash(_))) {
        return outcome;
    }
    if global.verbose {
        say_skipped(global);
    }
    let inputs = inputs(global);
    if global.verify {
        for input in &inputs {
            complain(&verified(input));
        }
    } else if global.wants_hashes() {
        for input in inputs.iter().filter(|input| input["changed"].is_string()) {
            complain(&format!("warning: {}", verified(input)));
        }
    }
    let changed = inputs.iter().any(|input| input["changed"].is_string());
    let outcome = outcome.map(|exit| if changed && exit == Exit::Done { Exit::Partial } else { exit });
    if let Some(manifest) = manifest {
        manifest.write(&cryoscope::formats::pretty(&document(global, started, &inputs, &outcome)), global)?;
    }
    outcome
}

/// Prints which files of directories are not checkpoints.
fn say_skipped(global: &Global) {
    let mut found = global.record.lock();
    found.skipped.sort();
    for path in &found.skipped {
        complain(&format!("note: {}: not a checkpoint, skipped", path.display()));
    }
}

/// The archives sorted by name, as several are read at once.
fn inputs(global: &Global) -> Vec<Value> {
    let mut found = global.record.lock();
    found.inputs.sort_by(|a, b| a.path.cmp(&b.path));
    found.inputs.dedup_by(|a, b| a.path == b.path && a.sha256 == b.sha256 && a.identity == b.identity);
    found.inputs.par_iter_mut().for_each(Input::hash_again);
    found.inputs.iter().map(Input::to_json).collect()
}

/// The `--verify` message for an archive.
fn verified(input: &Value) -> String {
    let path = input["path"].as_str().unwrap_or_default();
    let hash = match (input["sha256"].as_str(), input["size"].as_u64()) {
        (Some(hash), Some(size)) => format!("sha256 {hash}, {size} bytes"),
        (Some(hash), None) => format!("sha256 {hash}"),
        (None, _) => "a directory has no hash of its own; `table DIRECTORY members --hash` hashes its files".to_owned(),
    };
    let changed = match (input["changed"].as_str(), input["sha256_after"].is_string()) {
        (Some(how), _) => format!("; changed while it was read: {how}"),
        (None, true) => "; SHA-256, size and times were the same afterwards".to_owned(),
        (None, false) => String::new(),
    };
    format!("{path}: {hash}{changed}")
}

fn document(global: &Global, started: Timestamp, inputs: &[Value], outcome: &Outcome) -> Value {
    let found = global.record.lock();
    let exit = match outcome {
        Ok(exit) => *exit,
        Err(failure) => failure.exit(),
    };
    let outputs = found.outputs.iter().map(|path| {
        json!({
            "path": path.to_string_lossy(),
            "size": path.metadata().ok().map(|metadata| metadata.len()),
            "sha256": hash_of(path).ok(),
        })
    });
    let warnings = found.warnings.iter().map(|(archive, warning)| {
        json!({
            "archive": archive,
            "code": warning.code.as_str(),
            "severity": warning.severity().as_str(),
            "member": warning.place.member.to_string(),
            "record": warning.place.record,
            "offset": warning.place.offset,
            "message": warning.message,
        })
    });
    let arguments = env::args_os().map(|argument| Value::from(argument.to_string_lossy().into_owned()));
    json!({
        "tool": { "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") },
        "case": global.case,
        "examiner": global.examiner,
        "evidence_id": global.evidence_id,
        "arguments": arguments.collect::<Vec<_>>(),
        "directory": env::current_dir().ok().map(|path| path.to_string_lossy().into_owned()),
        "limits": limits(&global.limits.limits()),
        "started": started.to_string(),
        "ended": Timestamp::now().to_string(),
        "inputs": inputs,
        "outputs": outputs.collect::<Vec<_>>(),
        "stdout": found.stdout.as_ref().map(|out| json!({ "size": out.bytes(), "sha256": out.sha256() })),
        "warnings": warnings.collect::<Vec<_>>(),
        "passed_over": found.skipped.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>(),
        "exit_code": exit.code(),
        "failure": outcome.as_ref().err().map(ToString::to_string),
    })
}

/// All limits, by flag.
fn limits(limits: &Limits) -> Map<String, Value> {
    limits.values().map(|(limit, value)| (flag(limit), value.into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A write through a shared mapping of another process: the file's times do not show it yet.
    #[test]
    fn other_contents_are_a_change_whatever_the_times_say() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("archive");
        std::fs::write(&path, "as it was").unwrap();
        let mut input = Input::of_file(path, None);
        input.hash_again();
        assert_eq!(input.changed(), None);
        assert!(verified(&input.to_json()).ends_with("SHA-256, size and times were the same afterwards"));
        input.sha256 = Some("0".repeat(64));
        let how = input.changed().unwrap();
        assert!(how.starts_with("its SHA-256 is ") && verified(&input.to_json()).contains(&how), "{how}");
    }
}
