//! The record of a run: which evidence was read, with what result, so that others can repeat it. Kept by every command;
//! written only where `--manifest` asks for it.

use std::env;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cryoscope::archive::Identity;
use cryoscope::{Checkpoint, Error, ErrorKind, Limits, Warning};
use jiff::Timestamp;
use rayon::prelude::*;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::args::{Cli, Global};
use super::exit::Exit;
use super::inputs;
use super::limits::flag;
use super::newfile::{NewFile, Readers, not_written};
use super::screen::complain;
use super::stdout::{Stdout, Written};
use super::{Failure, Outcome};

/// What a run is found to do; its copies share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Record(Arc<Mutex<Found>>);

#[derive(Debug, Default)]
struct Found {
    inputs: Vec<Input>,
    outputs: Vec<PathBuf>,
    warnings: Vec<(String, Warning)>,
    /// Files of folders that are no checkpoints.
    skipped: Vec<PathBuf>,
    /// What went to standard output; `None` if nobody will ask.
    stdout: Option<Written>,
}

/// An archive that was read, or could not be.
#[derive(Debug)]
struct Input {
    path: PathBuf,
    identity: Option<Identity>,
    size: Option<u64>,
    sha256: Option<String>,
    /// The same when the work was done; `None` if it has not been looked at.
    sha256_after: Option<Result<String, String>>,
    error: Option<String>,
}

impl Record {
    /// Notes an archive.
    pub(crate) fn input(&self, path: &Path, opened: &Result<Vec<Checkpoint>, Error>) {
        let path = path.to_owned();
        let input = match opened.as_ref().map(|checkpoints| checkpoints.first().map(Checkpoint::archive)) {
            Ok(Some(archive)) => Input {
                path,
                identity: archive.identity().copied(),
                size: archive.input_bytes(),
                sha256: archive.sha256().map(str::to_owned),
                sha256_after: None,
                error: None,
            },
            // What could not be opened is hashed by itself.
            other => Input::of_file(path, other.err().map(ToString::to_string)),
        };
        self.lock().inputs.push(input);
    }

    /// Notes a file of a folder that is no checkpoint.
    pub(crate) fn skipped(&self, path: &Path) {
        self.lock().skipped.push(path.to_owned());
    }

    /// Notes a file that was written.
    pub(crate) fn output(&self, path: &Path) {
        self.lock().outputs.push(path.to_owned());
    }

    /// Notes what was odd about an archive.
    pub(crate) fn warnings(&self, archive: &str, warnings: &[Warning]) {
        self.lock().warnings.extend(warnings.iter().map(|warning| (archive.to_owned(), warning.clone())));
    }

    /// Notes what goes to standard output, if that is recorded.
    pub(crate) fn stdout(&self, note: impl FnOnce(&mut Written)) {
        if let Some(written) = &mut self.lock().stdout {
            note(written);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Found> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Global {
    /// Whether archives are hashed while they are read.
    pub(crate) fn wants_hashes(&self) -> bool {
        self.verify || self.manifest.is_some() || !self.expect_sha256.is_empty()
    }

    /// Notes a file that is read but is no archive, and refuses one that is not the one that was meant.
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

/// Where the record of a run goes.
enum Manifest {
    File(NewFile),
    Stdout,
}

impl Manifest {
    /// A file that must not be replaced is refused before anything is read.
    fn open(path: &Path, cli: &Cli) -> Result<Self, Failure> {
        if path != Path::new("-") {
            let claim = cli.global.outputs.claim(path)?;
            return Ok(Manifest::File(NewFile::create(&claim, cli.global.force, Readers::Owner)?));
        }
        if inputs::leaves_stdout_free(cli) {
            return Ok(Manifest::Stdout);
        }
        let message = "--manifest - is standard output, which has the answer already; send that to a file by --output, or name \
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

/// Runs a command, then says what `--verify` asks for and writes the manifest.
pub(crate) fn recorded(cli: &Cli, run: impl FnOnce() -> Outcome) -> Outcome {
    let global = &cli.global;
    // What would be written onto evidence is refused before anything is.
    global.outputs.inputs(inputs::of(cli).iter().map(PathBuf::as_path))?;
    global.outputs.check_streams()?;
    inputs::written(cli).into_iter().try_for_each(|path| global.outputs.check(path))?;
    let manifest = global.manifest.as_deref().map(|path| Manifest::open(path, cli)).transpose()?;
    global.record.lock().stdout = matches!(manifest, Some(Manifest::File(_))).then(Written::default);
    let started = Timestamp::now();
    let outcome = run();
    // The record may be what was in the way.
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

/// Says which files of folders are no checkpoints.
fn say_skipped(global: &Global) {
    let mut found = global.record.lock();
    found.skipped.sort();
    for path in &found.skipped {
        complain(&format!("note: {}: no checkpoint, passed over", path.display()));
    }
}

/// The archives in the order of their names: several are read at once.
fn inputs(global: &Global) -> Vec<Value> {
    let mut found = global.record.lock();
    found.inputs.sort_by(|a, b| a.path.cmp(&b.path));
    found.inputs.dedup_by(|a, b| a.path == b.path && a.sha256 == b.sha256 && a.identity == b.identity);
    found.inputs.par_iter_mut().for_each(Input::hash_again);
    found.inputs.iter().map(Input::to_json).collect()
}

impl Input {
    /// A file that is hashed by itself.
    fn of_file(path: PathBuf, error: Option<String>) -> Self {
        let identity = Identity::of(&path).ok().filter(|_| path.is_file());
        let sha256 = identity.and_then(|_| hash_of(&path).ok());
        Input { identity, size: identity.map(|identity| identity.size), sha256, sha256_after: None, error, path }
    }

    /// Hashes a file that has been hashed. Times alone do not tell: what is written through a map may show in them long
    /// afterwards.
    fn hash_again(&mut self) {
        if self.identity.is_some() && self.sha256.is_some() {
            let hash = if self.path == Path::new("-") { hash_of_stdin() } else { hash_of(&self.path) };
            self.sha256_after = Some(hash.map_err(|error| error.to_string()));
        }
    }

    /// How it is another than it was.
    fn changed(&self) -> Option<String> {
        let by_metadata = self.identity.and_then(|before| match Identity::of(&self.path) {
            Ok(now) => before.differs(&now),
            // Standard input has no path to look at.
            Err(_) if self.path == Path::new("-") => None,
            Err(error) => Some(error.to_string()),
        });
        by_metadata.or_else(|| match (&self.sha256, self.sha256_after.as_ref()?) {
            (Some(before), Ok(after)) => (before != after).then(|| format!("its SHA-256 is {after} now")),
            (_, Err(error)) => Some(format!("it could not be hashed again ({error})")),
            (None, Ok(_)) => None,
        })
    }

    fn to_json(&self) -> Value {
        let changed = self.changed();
        let time =
            |of: fn(&Identity) -> Option<Timestamp>| self.identity.as_ref().and_then(of).map(|time| time.to_string());
        json!({
            "path": self.path.to_string_lossy(),
            "size": self.size,
            "sha256": self.sha256,
            "sha256_after": self.sha256_after.as_ref().and_then(|hash| hash.as_ref().ok()),
            "modified": time(|identity| identity.modified),
            "metadata_changed": time(|identity| identity.changed),
            "inode": self.identity.and_then(|identity| identity.inode).map(|(_, number)| number),
            "changed": changed,
            "error": self.error,
        })
    }
}

/// What `--verify` says of an archive.
fn verified(input: &Value) -> String {
    let path = input["path"].as_str().unwrap_or_default();
    let hash = match (input["sha256"].as_str(), input["size"].as_u64()) {
        (Some(hash), Some(size)) => format!("sha256 {hash}, {size} bytes"),
        (Some(hash), None) => format!("sha256 {hash}"),
        (None, _) => "it has no hash as a whole; `table DIRECTORY members --hash` hashes its files".to_owned(),
    };
    let changed = match (input["changed"].as_str(), input["sha256_after"].is_string()) {
        (Some(how), _) => format!("; it was changed while it was read: {how}"),
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

/// All limits, by their flags.
fn limits(limits: &Limits) -> Map<String, Value> {
    limits.values().map(|(limit, value)| (flag(limit), value.into())).collect()
}

/// The same of the file that is standard input, whole.
fn hash_of_stdin() -> io::Result<String> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        let mut file = File::from(io::stdin().as_fd().try_clone_to_owned()?);
        file.rewind()?;
        hash_of_file(&mut file)
    }
    #[cfg(not(unix))]
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// SHA-256 of a file, in hexadecimal.
pub(crate) fn hash_of(path: &Path) -> io::Result<String> {
    hash_of_file(&mut File::open(path)?)
}

fn hash_of_file(file: &mut File) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let len = file.read(&mut buffer)?;
        if len == 0 {
            return Ok(hash.finalize().iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}")));
        }
        hash.update(buffer.get(..len).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As after a write through a map that somebody else has: the file system tells of nothing yet.
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
