//! A dataset: batches that are there as a whole or not at all, runs that go on where one has ended, and nothing that is not its own
//! touched. Rows are compared as Parquet has them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::archives::{Member, Members};
use crate::command::{Ran, cryoscope, run, run_with};
use crate::fixtures;
use crate::programs;

/// A folder with archives that differ, and what is written beside it.
struct Place(tempfile::TempDir);

/// The rows of a table, with the folders that they are in.
type Rows = Vec<String>;

const TABLES: [&str; 4] = ["container", "processes", "bpf_maps", "warnings"];

impl Place {
    /// With so many archives that can be read.
    fn new(count: usize) -> Self {
        let place = Place(tempfile::tempdir().unwrap());
        fs::create_dir(place.path("in")).unwrap();
        for number in 0..count {
            place.add(number);
        }
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Another archive: the same dump, but with other bytes.
    fn add(&self, number: usize) {
        let mut members = Members::of(&fixtures::path("forms-reference/podman-runc.tar"));
        members.0.push(Member { name: format!("own-{number}"), contents: vec![7] });
        fs::write(self.path(&format!("in/{number:03}.tar")), members.tar()).unwrap();
    }

    /// What cannot be read.
    fn add_bad(&self, name: &str, text: &str) {
        fs::write(self.path("in").join(name), text).unwrap();
    }

    fn command(&self, more: &str) -> std::process::Command {
        let mut command = cryoscope(self.0.path());
        command.arg("table").args(TABLES).args(["in", "--format", "parquet", "--output-dir", "out"]);
        command.args(more.split(' ').filter(|word| !word.is_empty()));
        command
    }

    fn run(&self, more: &str) -> Ran {
        Ran::of(self.command(more).output().unwrap())
    }

    fn rows(&self, table: &str) -> Rows {
        rows_of(&self.path("out"), table)
    }

    fn all_rows(&self) -> BTreeMap<String, Rows> {
        all_rows(&self.path("out"))
    }

    /// All files, with their bytes.
    fn files(&self, below: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        files(&self.path(below)).into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

/// The rows that a reader of the folder finds, each with what the names of folders say.
fn rows_of(root: &Path, table: &str) -> Rows {
    let mut rows = Vec::new();
    for path in files(&root.join(table)) {
        let folder = path.parent().unwrap().strip_prefix(root.join(table)).unwrap().display().to_string();
        let file = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
        rows.extend(file.get_row_iter(None).unwrap().map(|row| format!("{folder} {}", row.unwrap())));
    }
    rows.sort();
    rows
}

fn all_rows(root: &Path) -> BTreeMap<String, Rows> {
    TABLES.iter().chain(&["failures"]).map(|table| ((*table).to_owned(), rows_of(root, table))).collect()
}

/// The columns of each part of a table.
fn columns_of(root: &Path, table: &str) -> BTreeSet<Vec<String>> {
    let columns = |path: PathBuf| {
        let file = SerializedFileReader::new(File::open(path).unwrap()).unwrap();
        let schema = file.metadata().file_metadata().schema().get_fields().to_vec();
        schema.iter().map(|field| field.name().to_owned()).collect()
    };
    files(&root.join(table)).into_iter().map(columns).collect()
}

fn count(place: &Place, below: &str) -> usize {
    files(&place.path(below)).len()
}

#[test]
fn a_dataset_grows_and_has_each_archive_once() {
    let place = Place::new(5);
    place.add_bad("checkpoint-bad.tar", "this is no archive at all, whatever it is called");
    fs::copy(place.path("in/001.tar"), place.path("in/copy.tar")).unwrap();
    let ran = place.run("--batch 2 --skip-known");
    assert_eq!(ran.code, Some(3), "{}", ran.err);
    assert!(ran.err.contains("7 archives: 5 read, 1 already known, 1 failed"), "{}", ran.err);
    assert_eq!(place.rows("container").len(), 5);
    let [failure] = place.rows("failures").try_into().unwrap();
    assert!(failure.contains("in/checkpoint-bad.tar") && failure.contains("not_an_archive"), "{failure}");
    // Every table has a part, those without rows one; later batches write what they have.
    assert_eq!(
        (count(&place, "out/processes"), count(&place, "out/bpf_maps"), count(&place, "out/failures")),
        (3, 1, 2)
    );
    for table in TABLES.iter().chain(&["failures"]) {
        let [columns] = Vec::from_iter(columns_of(&place.path("out"), table)).try_into().unwrap();
        for name in ["archive", "archive_sha256", "set"] {
            assert!(columns.iter().any(|column| column == name), "{table}: {columns:?}");
        }
    }
    // Rows have the hash of their archive.
    if programs::runs("sha256sum", &["--version"]) {
        let hash = std::process::Command::new("sha256sum").arg(place.path("in/003.tar")).output().unwrap();
        let hash = String::from_utf8(hash.stdout).unwrap();
        let has = |row: &&String| row.contains("in/003.tar") && row.contains(hash.split(' ').next().unwrap());
        assert_eq!(place.rows("container").iter().filter(has).count(), 1);
    }
    // Nothing new: nothing is written.
    let before = place.files("out");
    let ran = place.run("--skip-known");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(
        ran.err.contains("7 already known (1 of them failed before; --retry-failed reads them again)"),
        "{}",
        ran.err
    );
    assert_eq!(place.files("out"), before);
    // Something new.
    place.add(5);
    place.run("--skip-known").code.unwrap();
    assert_eq!(place.rows("container").len(), 6);
    assert!(place.files("out").len() > before.len());
    assert!(before.iter().all(|(path, bytes)| fs::read(path).unwrap() == *bytes), "what was there is as it was");
}

#[test]
fn a_dataset_that_is_there_is_not_written_over_unless_told() {
    let place = Place::new(2);
    place.run("--batch 1 -q").ok();
    fs::write(place.path("out/processes/notes.txt"), "mine").unwrap();
    fs::write(place.path("out/README"), "mine").unwrap();
    let before = place.files("out");
    let ran = place.run("");
    assert_eq!((ran.code, ran.err.lines().count()), (Some(2), 1), "{}", ran.err);
    assert!(
        ran.err.contains("--skip-known") && ran.err.contains("--force") && ran.err.contains("2 archives"),
        "{}",
        ran.err
    );
    assert_eq!(place.files("out"), before);
    fs::remove_file(place.path("in/000.tar")).unwrap();
    let ran = place.run("--force");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(place.rows_but("processes", "notes.txt"), 1);
    for name in ["out/processes/notes.txt", "out/README"] {
        assert_eq!(fs::read(place.path(name)).unwrap(), b"mine");
        assert!(ran.err.contains(name.strip_prefix("out/").unwrap()), "{}", ran.err);
    }
    assert_eq!(count(&place, "out/processes"), 2);
    // `--force` may be meant for another file, such as the manifest.
    let before = place.files("out");
    let ran = place.run("--force --skip-known --manifest run.json");
    assert_eq!((ran.code, place.files("out")), (Some(0), before), "{}", ran.err);
}

impl Place {
    /// Containers that processes are of, without a file that is none of the dataset.
    fn rows_but(&self, table: &str, other: &str) -> usize {
        let path = self.path("out").join(table).join(other);
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let archives: BTreeSet<String> =
            self.rows(table).iter().map(|row| row.split(',').next().unwrap().to_owned()).collect();
        fs::write(path, bytes).unwrap();
        archives.len()
    }
}

#[test]
fn archives_that_failed_are_read_again_when_told() {
    let place = Place::new(1);
    place.add_bad("checkpoint-bad-1.tar", "one");
    place.add_bad("checkpoint-bad-2.tar", "");
    let nowhere = place.path("in/gone.tar").display().to_string();
    let with = |more: &str| Ran::of(place.command(more).arg(&nowhere).output().unwrap());
    assert_eq!(with("-q --batch 1").code, Some(3));
    let failures = place.rows("failures");
    assert_eq!(failures.len(), 3, "{failures:?}");
    // The same again: the same rows. What cannot be hashed is tried each time.
    let before = all_rows(&place.path("out"));
    let ran = with("--skip-known");
    assert!(ran.err.contains("3 already known (2 of them failed before"), "{}", ran.err);
    assert!(ran.err.contains("1 failed"), "{}", ran.err);
    let ran = with("--skip-known --retry-failed");
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("1 already known, 3 failed"), "{}", ran.err);
    assert_eq!(all_rows(&place.path("out")), before);
    // What can be read by now is no failure any more.
    place.add(1);
    fs::rename(place.path("in/001.tar"), &nowhere).unwrap();
    let ran = with("-q --skip-known");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let failures = place.rows("failures");
    assert_eq!(failures.len(), 2, "{failures:?}");
    assert!(failures.iter().all(|row| !row.contains("gone.tar")), "{failures:?}");
    assert_eq!(place.rows("container").len(), 2);
    // A later run knows what this one has replaced.
    assert_eq!(with("-q --skip-known").code, Some(0));
    assert_eq!(place.rows("failures"), failures);
}

#[test]
fn an_archive_that_fails_alone_is_a_row_too() {
    let place = Place::new(0);
    place.add_bad("checkpoint-bad.tar", "this is no archive");
    let ran = place.run("");
    assert_eq!((ran.code, ran.err.lines().count()), (Some(2), 1), "{}", ran.err);
    assert_eq!(place.rows("failures").len(), 1);
    assert_eq!(place.rows("processes").len(), 0);
    assert_eq!(count(&place, "out/processes"), 1, "an empty part tells the columns");
}

#[test]
fn failures_are_rows_of_other_formats_when_asked_for() {
    let place = Place::new(2);
    place.add_bad("checkpoint-bad.tar", "this is no archive");
    let run = |words: &str| Ran::of(cryoscope(place.0.path()).args(words.split(' ')).output().unwrap());
    let ran = run("table in failures --format ndjson");
    assert_eq!((ran.code, ran.out.lines().count()), (Some(3), 1), "{}", ran.err);
    let row = ran.json();
    assert_eq!((&row["archive"], &row["code"]), (&"in/checkpoint-bad.tar".into(), &"not_an_archive".into()));
    assert!(!row["message"].as_str().unwrap().contains("checkpoint-bad.tar"), "{row}");
    let ran = run("table in/checkpoint-bad.tar failures processes --format json");
    assert_eq!((ran.code, ran.json()["failures"].as_array().unwrap().len()), (Some(2), 1), "{}", ran.err);
    let ran = run("table in --all --format json -q");
    assert_eq!(ran.json()["failures"].as_array().unwrap().len(), 1);
    // Documents are about a checkpoint.
    let ran = run("table in failures --format ecs");
    assert_eq!((ran.code, ran.err.contains("ndjson")), (Some(2), true), "{}", ran.err);
    assert_eq!(run("table in --all --format ecs -q").code, Some(3));
}

#[test]
fn folders_are_by_date_or_by_archive() {
    let place = Place::new(3);
    place.add_bad("checkpoint-bad.tar", "this is no archive");
    assert_eq!(place.run("-q --batch 2 --partition-by date").code, Some(3));
    let folders = |table: &str| -> BTreeSet<String> {
        let rows = files(&place.path("out").join(table));
        rows.iter().map(|path| path.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned()).collect()
    };
    for table in TABLES {
        assert_eq!(folders(table), BTreeSet::from(["date=2026-11-23".to_owned()]), "{table}");
    }
    // Of what was not read, no date is known.
    assert_eq!(folders("failures"), BTreeSet::from(["failures".to_owned()]));
    let ran = place.run("--skip-known --partition-by archive");
    assert_eq!(ran.code, Some(2), "{}", ran.err);
    assert!(ran.err.contains("by date"), "{}", ran.err);
    assert_eq!(place.run("-q --force --partition-by archive").code, Some(3));
    let expected = ["archive=in%2F000.tar", "archive=in%2F001.tar", "archive=in%2F002.tar"].map(str::to_owned);
    assert_eq!(folders("processes"), BTreeSet::from(expected));
    assert!(!place.path("out/processes/date=2026-11-23").exists(), "empty folders go");
    let [columns] = Vec::from_iter(columns_of(&place.path("out"), "processes")).try_into().unwrap();
    assert!(!columns.contains(&"archive".to_owned()), "the folder has it: {columns:?}");
    // A name that no folder can have.
    fs::rename(place.path("in/000.tar"), place.path("in").join("n".repeat(250))).unwrap();
    let ran = place.run("--force --partition-by archive");
    assert!(ran.code == Some(2) && ran.err.contains("--source-id"), "{}", ran.err);
    assert_eq!(folders("processes").len(), 3, "nothing was taken away");
    assert_eq!(place.run("-q --force --partition-by archive --source-id sha256").code, Some(3));
    assert!(folders("processes").iter().all(|name| name.len() == 72), "{:?}", folders("processes"));
}

/// As a run leaves it that was killed between the first and the last name of a batch.
#[test]
fn a_batch_that_was_begun_is_taken_away_and_nothing_else() {
    let place = Place::new(4);
    place.run("-q --batch 2").ok();
    let whole = place.all_rows();
    let (done, begun) =
        (place.path("out/_cryoscope/batch-000002.ndjson"), place.path("out/_cryoscope/batch-000002.begun"));
    fs::rename(&done, &begun).unwrap();
    fs::remove_file(place.path("out/container/part-000002.parquet")).unwrap();
    fs::write(place.path("out/_cryoscope/unfinished/.000007.parquet.cryoscope-part"), "half").unwrap();
    fs::write(place.path("out/_cryoscope/unfinished/mine"), "mine").unwrap();
    let ran = place.run("--skip-known");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    for said in ["batch 2 unfinished", "left unfinished files; removed them (1)", "4 archives: 2 read, 2 already known"]
    {
        assert!(ran.err.contains(said), "{said}: {}", ran.err);
    }
    assert_eq!(place.all_rows(), whole);
    assert!(!begun.exists() && place.path("out/_cryoscope/unfinished/mine").exists());
    assert_eq!(count(&place, "out/_cryoscope/unfinished"), 1);
}

#[cfg(unix)]
#[test]
fn a_run_that_is_killed_is_taken_up_by_the_next() {
    let place = Place::new(40);
    let expected = {
        let whole = Place::new(40);
        whole.run("-q").ok();
        whole.all_rows()
    };
    let mut batches = BTreeSet::new();
    for round in 0..400 {
        let kind = if round % 2 == 0 { "-KILL" } else { "-TERM" };
        // What SIGKILL has left is still there if the next signal comes before anything else.
        let before = place.half();
        let mut child = place.command("-q --batch 2 --threads 2 --skip-known").spawn().unwrap();
        // Every third run is stopped while it begins, the others a little later than their next batch, however slow the
        // machine is.
        let done = place.batches();
        while round % 3 > 0 && place.batches() == done && child.try_wait().unwrap().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        std::thread::sleep(std::time::Duration::from_millis(round * 7 % 30));
        let _ = std::process::Command::new("kill").arg(kind).arg(child.id().to_string()).status();
        let ended = child.wait().unwrap().code().is_some();
        let found = place.all_rows_if_any();
        // Each batch is whole or not there: every archive has all its rows or none, but for a batch that was begun.
        let begun =
            files(&place.path("out/_cryoscope")).iter().any(|path| path.extension().is_some_and(|e| e == "begun"));
        if kind == "-TERM" && !ended {
            let left = place.half();
            assert!(
                left.is_subset(&before),
                "a signal waits until a batch is whole, and leaves nothing half: {left:?}"
            );
        }
        if !begun {
            let per = |table: &str| found.get(table).map_or(0, Vec::len);
            assert_eq!(per("processes") * expected["container"].len(), per("container") * expected["processes"].len());
        }
        batches.insert(found.get("container").map_or(0, Vec::len));
        if ended {
            break;
        }
    }
    place.run("-q --skip-known").ok();
    assert_eq!(place.all_rows(), expected);
    assert!(batches.len() > 2, "it was never killed between: {batches:?}");
}

impl Place {
    /// What is not finished, with its times.
    fn half(&self) -> BTreeSet<(PathBuf, std::time::SystemTime)> {
        let ledger = files(&self.path("out/_cryoscope"));
        let is_half = |path: &PathBuf| {
            path.extension().is_some_and(|end| end == "begun") || path.parent().unwrap().ends_with("unfinished")
        };
        ledger
            .into_iter()
            .filter(is_half)
            .map(|path| (path.clone(), fs::metadata(path).unwrap().modified().unwrap()))
            .collect()
    }

    /// How many batches are whole.
    fn batches(&self) -> usize {
        let ledger = files(&self.path("out/_cryoscope"));
        ledger.iter().filter(|path| path.extension().is_some_and(|end| end == "ndjson")).count()
    }

    fn all_rows_if_any(&self) -> BTreeMap<String, Rows> {
        if self.path("out").is_dir() { self.all_rows() } else { BTreeMap::new() }
    }
}

#[test]
fn other_files_are_named_and_never_touched() {
    let place = Place::new(2);
    fs::create_dir_all(place.path("out/processes/date=2026-01-01")).unwrap();
    let others = [
        "notes.txt",
        "processes.parquet",
        "processes/part-000001.parquet",
        "processes/date=2026-01-01/x.parquet",
        "container/.hidden",
    ];
    for name in others {
        fs::create_dir_all(place.path("out").join(name).parent().unwrap()).unwrap();
        fs::write(place.path("out").join(name), "half of some").unwrap();
    }
    for number in 0..30 {
        fs::write(place.path(&format!("out/many-{number}")), "").unwrap();
    }
    let ran = place.run("");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(ran.err.matches("does not belong to the dataset").count(), 20, "{}", ran.err);
    assert!(ran.err.contains("15 more files and directories"), "{}", ran.err);
    for name in others {
        assert_eq!(fs::read(place.path("out").join(name)).unwrap(), b"half of some", "{name}");
    }
    assert!(place.path("out/processes/part-000002.parquet").is_file(), "no name is given that is taken");
    // Those in a table's folder are read with it, which is said.
    fs::remove_dir_all(place.path("out")).unwrap();
    fs::create_dir_all(place.path("out/processes")).unwrap();
    fs::write(place.path("out/processes/x.parquet"), "half").unwrap();
    let ran = place.run("");
    assert!(
        ran.err.contains("processes/x.parquet does not belong to the dataset and was left alone; reading"),
        "{}",
        ran.err
    );
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_written() {
    let place = Place::new(2);
    place.run("-q").ok();
    let before = place.files("out");
    place.add(2);
    let refused = |ran: Ran, words: &[&str]| {
        assert_eq!((ran.code, ran.err.lines().count()), (Some(2), 1), "{}", ran.err);
        for word in words {
            assert!(ran.err.contains(word), "{word}: {}", ran.err);
        }
        assert_eq!(place.files("out"), before);
    };
    refused(place.run("--skip-known mounts"), &["lacks the tables mounts", "--force"]);
    refused(place.run("--skip-known --partition-by date"), &["by no --partition-by", "by date"]);
    refused(place.run("--skip-known --field node=a"), &["it lacks node"]);
    refused(place.run("--skip-known --columns pid"), &["which would not be written now"]);
    let fewer = cryoscope(place.0.path())
        .args(["table", "in", "processes", "--format", "parquet", "--output-dir", "out", "--skip-known"])
        .output()
        .unwrap();
    refused(Ran::of(fewer), &["it also has the tables bpf_maps, container"]);
    // Tables in another order are the same.
    let other = ["table", "in", "warnings", "bpf_maps", "processes", "container", "processes"];
    let other = cryoscope(place.0.path())
        .args(other)
        .args(["--format", "parquet", "--output-dir", "out", "--skip-known"])
        .output();
    let ran = Ran::of(other.unwrap());
    assert!(ran.code == Some(0) && ran.err.contains("1 read, 2 already known"), "{}", ran.err);
}

/// As a version before ours would have written it.
#[test]
fn parts_with_other_columns_are_named_with_what_differs() {
    let place = Place::new(1);
    place.run("-q --columns pid,path").ok();
    // The same by all that the ledger tells.
    let ran = place.run("--skip-known");
    assert_eq!((ran.code, ran.err.lines().count()), (Some(2), 1), "{}", ran.err);
    assert!(
        ran.err.contains("part-000001.parquet: the columns differ") && ran.err.contains("it lacks "),
        "{}",
        ran.err
    );
    let part = place.path("out/processes/part-000001.parquet");
    let size = fs::metadata(&part).unwrap().len();
    fs::write(&part, vec![b'x'; usize::try_from(size).unwrap()]).unwrap();
    let ran = place.run("--skip-known --columns pid,path");
    assert!(ran.code == Some(2) && ran.err.contains("not a Parquet file"), "{}", ran.err);
    fs::write(&part, "short").unwrap();
    let ran = place.run("--skip-known --columns pid,path");
    assert!(ran.code == Some(2) && ran.err.contains("has 5 bytes, but was written with"), "{}", ran.err);
    fs::remove_file(&part).unwrap();
    let ran = place.run("--skip-known --columns pid,path");
    assert!(ran.code == Some(2) && ran.err.contains("is missing") && ran.err.contains("--force"), "{}", ran.err);
    assert_eq!(place.run("-q --force").code, Some(0));
}

#[test]
fn a_damaged_ledger_is_said_and_nothing_is_written() {
    let place = Place::new(2);
    place.run("-q").ok();
    let path = place.path("out/_cryoscope/batch-000001.ndjson");
    let whole = fs::read_to_string(&path).unwrap();
    let ran = |text: &str| {
        fs::write(&path, text).unwrap();
        let before = place.files("out");
        for more in ["--skip-known", "--force", ""] {
            let ran = place.run(more);
            assert_eq!((ran.code, ran.err.lines().count()), (Some(2), 1), "{more}: {}", ran.err);
            assert!(ran.err.contains("batch-000001.ndjson is damaged"), "{more}: {}", ran.err);
            assert_eq!(place.files("out"), before);
        }
    };
    ran("");
    ran(&whole[..whole.len() / 2]);
    ran(&whole.replace("\"batch\":1", "\"batch\":2"));
    ran(&whole.replace("\"dataset\":1", "\"dataset\":2"));
    ran(&whole.replace("processes/part", "../in/part"));
    ran(&"[".repeat(100_000));
    // A batch that was begun and names what is not its own.
    fs::write(place.path("out/precious"), "mine").unwrap();
    let evil = whole.replace("processes/part-000001.parquet", "../out/precious").replace("\"batch\":1", "\"batch\":2");
    fs::write(&path, &whole).unwrap();
    fs::write(place.path("out/_cryoscope/batch-000002.begun"), evil).unwrap();
    let said = place.run("--skip-known");
    assert!(said.code == Some(2) && said.err.contains("batch-000002.begun is damaged"), "{}", said.err);
    assert!(place.path("out/precious").exists());
}

#[cfg(unix)]
#[test]
fn links_lead_nowhere() {
    use std::os::unix::fs::symlink;
    let place = Place::new(1);
    fs::create_dir_all(place.path("elsewhere")).unwrap();
    fs::write(place.path("elsewhere/part-000001.parquet"), "mine").unwrap();
    fs::create_dir_all(place.path("out")).unwrap();
    for name in ["processes", "_cryoscope"] {
        symlink("../elsewhere", place.path("out").join(name)).unwrap();
        let ran = place.run("");
        assert!(ran.code == Some(2) && ran.err.contains("is a link"), "{}", ran.err);
        fs::remove_file(place.path("out").join(name)).unwrap();
    }
    assert_eq!(count(&place, "elsewhere"), 1);
    // A batch that was begun, whose table has become a link since.
    place.run("-q").ok();
    let ledger = place.path("out/_cryoscope");
    fs::rename(ledger.join("batch-000001.ndjson"), ledger.join("batch-000001.begun")).unwrap();
    fs::remove_dir_all(place.path("out/processes")).unwrap();
    symlink("../elsewhere", place.path("out/processes")).unwrap();
    let ran = place.run("--skip-known");
    assert!(ran.code == Some(2) && ran.err.contains("is a link"), "{}", ran.err);
    assert_eq!(fs::read(place.path("elsewhere/part-000001.parquet")).unwrap(), b"mine");
    // The lock is one of ours.
    fs::remove_file(place.path("out/processes")).unwrap();
    fs::remove_file(ledger.join("lock")).unwrap();
    symlink("../../elsewhere/part-000001.parquet", ledger.join("lock")).unwrap();
    let ran = place.run("--skip-known");
    assert!(ran.code == Some(2) && ran.err.contains("is not a regular file"), "{}", ran.err);
}

#[cfg(unix)]
#[test]
fn two_runs_do_not_write_one_dataset() {
    let place = Place::new(1);
    let pipe = place.path("pipe.tar");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // A pipe with a writer, for which the first run waits as long as it takes.
    let mut writer = File::options().read(true).write(true).open(&pipe).unwrap();
    let mut waits = cryoscope(place.0.path());
    waits.arg("table").args(TABLES).args(["pipe.tar", "--format", "parquet", "--output-dir", "out", "-q"]);
    let mut first = waits.spawn().unwrap();
    while !place.path("out/_cryoscope/lock").exists() {
        assert!(first.try_wait().unwrap().is_none(), "it has ended");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    let ran = (0..200).map(|_| place.run("--skip-known")).find(|ran| ran.code == Some(2));
    let ran = ran.expect("the first holds the lock");
    assert!(ran.err.contains("another run is writing to out;") && ran.err.lines().count() == 1, "{}", ran.err);
    writer.write_all(&fs::read(place.path("in/000.tar")).unwrap()).unwrap();
    drop(writer);
    assert_eq!(first.wait().unwrap().code(), Some(0));
    let ran = place.run("--skip-known");
    assert!(ran.code == Some(0) && ran.err.contains("1 already known"), "what came by a pipe is known: {}", ran.err);
}

#[test]
fn directories_are_known_by_what_they_hold() {
    let place = Place::new(0);
    for folder in ["one", "two"] {
        for member in &Members::of(&fixtures::path("forms-reference/podman-runc.tar")).0 {
            let path = place.path("in").join(folder).join(&member.name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, &member.contents).unwrap();
        }
    }
    let run = |folder: &str| {
        let mut command = cryoscope(place.0.path());
        command.args(["table", folder, "container", "--format", "parquet", "--output-dir", "out", "--skip-known"]);
        Ran::of(command.output().unwrap())
    };
    run("in/one").ok();
    let ran = run("in/two");
    assert!(ran.code == Some(0) && ran.err.contains("1 already known"), "{}", ran.err);
    assert_eq!(place.rows("container").len(), 1);
}

#[test]
fn what_only_datasets_have_is_refused_elsewhere() {
    let place = Place::new(1);
    let run = |words: &str| Ran::of(cryoscope(place.0.path()).args(words.split(' ')).output().unwrap());
    for flag in ["--skip-known", "--partition-by date", "--batch 3"] {
        let ran = run(&format!("table in processes --output-dir out --format ndjson {flag}"));
        assert!(ran.code == Some(2) && ran.err.contains("--format parquet"), "{}", ran.err);
        let ran = run(&format!("table in processes --format parquet {flag}"));
        assert!(ran.code == Some(2) && ran.err.contains("--output-dir"), "{}", ran.err);
    }
    assert_eq!(run("table in processes --output-dir out --format parquet --batch 0").code, Some(2));
    assert!(!place.path("out").exists());
}

/// What a dataset is written into is no evidence.
#[test]
fn no_dataset_lies_in_what_is_read() {
    let place = Place::new(1);
    let before = place.files("in");
    let run = |words: &str| Ran::of(cryoscope(place.0.path()).args(words.split(' ')).output().unwrap());
    for folder in ["in", "in/new", "in/new/below"] {
        let ran = run(&format!("table in processes --format parquet --output-dir {folder}"));
        assert!(ran.code == Some(2) && ran.err.contains("evidence is never overwritten"), "{}", ran.err);
    }
    // Nor is what is read one of its tables.
    fs::create_dir(place.path("out")).unwrap();
    fs::rename(place.path("in"), place.path("out/processes")).unwrap();
    let ran = run("table out/processes processes --format parquet --output-dir out --force");
    assert!(ran.code == Some(2) && ran.err.contains("is an input, and"), "{}", ran.err);
    fs::rename(place.path("out/processes"), place.path("in")).unwrap();
    assert_eq!(place.files("in"), before);
}

/// The same rows, whatever the number of days, of batches, and of threads.
#[test]
fn rows_do_not_depend_on_how_they_are_cut() {
    let place = Place::new(6);
    place.add_bad("checkpoint-bad-1.tar", "one");
    place.add_bad("checkpoint-bad-2.tar", "one");
    let mut seen = BTreeSet::new();
    for more in ["--batch 1", "--batch 4 --threads 1", "--threads 4", "--batch 100000"] {
        assert_eq!(place.run(&format!("{more} -q --force")).code, Some(3));
        seen.insert(place.all_rows());
    }
    assert_eq!(seen.len(), 1);
    // Two that are the same are two rows, unless what is known is left out.
    assert_eq!(place.rows("failures").len(), 2);
    fs::remove_dir_all(place.path("out")).unwrap();
    let ran = place.run("--skip-known --batch 1");
    assert!(ran.err.contains("8 archives: 6 read, 1 already known") && ran.err.contains("1 failed"), "{}", ran.err);
    assert_eq!(place.rows("failures").len(), 1);
}

/// Whatever decides which rows an archive has, or what they call it, is the same in all runs.
#[test]
fn a_dataset_is_added_to_by_the_same_flags_only() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let archive = fixtures::archive_of("tree");
    let write = |more: &[&str]| {
        let base =
            ["table", archive.to_str().unwrap(), "processes", "--format", "parquet", "--skip-known", "--output-dir"];
        run(base.into_iter().chain([out.to_str().unwrap()]).chain(more.iter().copied()))
    };
    assert_eq!(write(&[]).code, Some(0));
    let other = write(&["--source-id", "sha256"]);
    assert_eq!(other.code, Some(2));
    assert!(other.err.contains("--source-id sha256") && other.err.contains("same flags"), "{}", other.err);
    assert_eq!(write(&[]).code, Some(0));
}

/// The name of a foreign file does not decide how batches are numbered for ever.
#[test]
fn a_foreign_part_with_a_great_number_stands_in_nobodys_way() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let write = |case: &str| {
        let archive = fixtures::archive_of(case);
        run([
            "table",
            archive.to_str().unwrap(),
            "processes",
            "--format",
            "parquet",
            "--skip-known",
            "--output-dir",
            out.to_str().unwrap(),
        ])
    };
    assert_eq!(write("tree").code, Some(0));
    fs::write(out.join("processes/part-999999999999999.parquet"), "").unwrap();
    for _ in 0..2 {
        let ran = write("pod");
        assert_eq!(ran.code, Some(0), "{}", ran.err);
    }
    assert!(write("pod").err.contains("1 already known"), "{}", write("pod").err);
}

/// Where a file of the ledger is gone, its archives would come twice.
#[test]
fn a_ledger_that_lacks_a_batch_is_damaged() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let write = |case: &str, more: &[&str]| {
        let archive = fixtures::archive_of(case);
        let base = ["table", archive.to_str().unwrap(), "processes", "--format", "parquet", "--output-dir"];
        run(base.into_iter().chain([out.to_str().unwrap()]).chain(more.iter().copied()))
    };
    for case in ["tree", "pod", "sockets-tcp"] {
        assert_eq!(write(case, &["--skip-known"]).code, Some(0));
    }
    fs::remove_file(out.join("_cryoscope/batch-000002.ndjson")).unwrap();
    let ran = write("pod", &["--skip-known"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("batch-000002.ndjson, the batch before it, is missing"), "{}", ran.err);
    assert_eq!(write("pod", &["--force"]).code, Some(0), "it can be written anew");
}

/// What a limit has cut is not taken for whole when the limit is another.
#[test]
fn other_limits_are_another_dataset() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let archive = fixtures::archive_of("tree");
    let write = |more: &[&str]| {
        let base =
            ["table", archive.to_str().unwrap(), "processes", "--format", "parquet", "--skip-known", "--output-dir"];
        run(base.into_iter().chain([out.to_str().unwrap()]).chain(more.iter().copied()))
    };
    assert_eq!(write(&["--max-processes", "3"]).code, Some(3));
    let ran = write(&[]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("--max-processes 3"), "{}", ran.err);
    assert_eq!(write(&["--max-processes", "3", "--max-memory", "1000000"]).code, Some(0));
}

/// A folder that was read while it was copied is read again when it is whole.
#[test]
fn a_folder_that_has_more_by_now_is_another() {
    let home = tempfile::tempdir().unwrap();
    let (out, folder) = (home.path().join("out"), home.path().join("unpacked"));
    for member in Members::of(&fixtures::archive_of("rootfs-diff")).0 {
        let path = folder.join(&member.name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, member.contents).unwrap();
    }
    let later = home.path().join("rootfs-diff.tar");
    fs::rename(folder.join("rootfs-diff.tar"), &later).unwrap();
    let write = || {
        let base = ["table", folder.to_str().unwrap(), "rootfs_changes", "--format", "parquet", "--skip-known"];
        run(base.into_iter().chain(["--output-dir", out.to_str().unwrap()]))
    };
    let _ = write();
    assert!(write().err.contains("1 already known"), "{}", write().err);
    fs::rename(&later, folder.join("rootfs-diff.tar")).unwrap();
    let _ = write();
    assert!(fs::read_dir(out.join("rootfs_changes")).unwrap().count() > 1, "its rows are there");
}

/// Standard input has the name that it is given, of which the kubelet's says the pod.
#[test]
fn standard_input_has_a_name_here_too() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let bytes = fs::read(fixtures::path("forms-bare/runc-images.tar")).unwrap();
    let name = "checkpoint-web-0_shop-nginx-2026-11-23T11:16:51Z.tar";
    let base = ["table", "-", "container", "-q", "--format", "parquet", "--source-name", name, "--output-dir"];
    let _ = run_with(&bytes, base.into_iter().chain([out.to_str().unwrap()]));
    let part = fs::read_dir(out.join("container")).unwrap().next().unwrap().unwrap().path();
    let text = fs::read(part).unwrap();
    assert!(bstr::ByteSlice::contains_str(text.as_slice(), "web-0"), "the pod");
}
