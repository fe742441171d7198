//! Text that was written for the terminal, the browser or the spreadsheet of whoever looks. Every text field of every record,
//! every string of every document, every name and every log of an archive is replaced by such text; then everything is shown
//! in every format.

use std::io::Cursor;
use std::sync::Arc;

use cryoscope::catalog;
use cryoscope::formats::{Columns, Format, Origin, RowWriter, Style};
use cryoscope::memory::Keep;
use cryoscope::{Checkpoint, Options, tables};
use prost::Message;
use prost_reflect::{DynamicMessage, Kind, Value};

use super::commands::COMMANDS;
use crate::archives::{Image, Members};
use crate::command::{cryoscope, run_with};
use crate::fixtures;
use crate::oracle::Schema;

/// What is written in the place of each text, one after the other.
const TEXTS: [&[u8]; 12] = [
    b"\x1b[31m\x1b]0;owned\x07red",
    b"</script><script>alert(1)</script>",
    b"=cmd|' /C calc'!A0",
    "\u{202e}gnp.exe".as_bytes(),
    "a\u{200b}\u{feff}b\u{2066}c".as_bytes(),
    "\u{9b}2J\u{85}".as_bytes(),
    b"one\ntwo\r\tthree\x0bfour",
    b"\x7f\x08\x08hidden",
    b"@SUM(1+1)*cmd|' /C calc'!A0",
    b"+1\x00-1",
    b"\xff\xfe\xc3(\x9b31m",
    b"-2+3\"\";,;'\xe2\x80\xa8",
];

/// Gives one text after the other.
struct Texts(usize);

impl Texts {
    fn next(&mut self) -> &'static [u8] {
        self.0 += 1;
        TEXTS[self.0 % TEXTS.len()]
    }

    fn text(&mut self) -> String {
        String::from_utf8_lossy(self.next()).into_owned()
    }

    /// Replaces all text in a message. Bytes that are numbers, masks or addresses stay.
    fn message(&mut self, message: &mut DynamicMessage) {
        let fields: Vec<_> = message.fields().map(|(field, _)| field).collect();
        for field in fields {
            let is_text = match field.kind() {
                Kind::String => true,
                Kind::Bytes => {
                    let value = message.get_field(&field);
                    let bytes = match &*value {
                        Value::Bytes(bytes) => bytes.to_vec(),
                        Value::List(list) => {
                            list.first().and_then(|v| v.as_bytes()).map(|b| b.to_vec()).unwrap_or_default()
                        }
                        _ => Vec::new(),
                    };
                    bytes.len() > 1 && bytes.iter().all(|&byte| byte.is_ascii_graphic() || byte == b' ')
                }
                _ => false,
            };
            let value = message.get_field_mut(&field);
            self.value(value, is_text);
        }
    }

    fn value(&mut self, value: &mut Value, is_text: bool) {
        match value {
            Value::String(text) if is_text => *text = self.text(),
            Value::Bytes(bytes) if is_text => *bytes = self.next().into(),
            Value::Message(message) => self.message(message),
            Value::List(list) => list.iter_mut().for_each(|item| self.value(item, is_text)),
            _ => {}
        }
    }

    /// Replaces all strings of a document, and adds keys beside those that are there.
    fn json(&mut self, value: &mut serde_json::Value) {
        match value {
            serde_json::Value::String(text) => *text = self.text(),
            serde_json::Value::Array(list) => list.iter_mut().for_each(|item| self.json(item)),
            serde_json::Value::Object(object) => {
                object.values_mut().for_each(|item| self.json(item));
                if object.values().all(serde_json::Value::is_string) {
                    object.insert(self.text(), self.text().into());
                }
            }
            _ => {}
        }
    }
}

/// An archive of which all text is hostile. How many texts there are in it.
fn hostile(case: &str) -> (Vec<u8>, usize) {
    let schema = Schema::load();
    let mut texts = Texts(0);
    let mut members = Members::of(&fixtures::archive_of(case));
    for member in &mut members.0 {
        if let Some(mut image) = Image::of(&schema, member) {
            let decoded: Vec<DynamicMessage> = image
                .records
                .iter()
                .enumerate()
                .map(|(number, (bytes, _))| image.decode(&schema, number, bytes))
                .collect();
            for (record, mut message) in image.records.iter_mut().zip(decoded) {
                texts.message(&mut message);
                record.0 = message.encode_to_vec();
            }
            member.contents = image.bytes();
        } else if let Ok(mut document) = serde_json::from_slice::<serde_json::Value>(&member.contents) {
            texts.json(&mut document);
            member.contents = document.to_string().into_bytes();
        } else if std::path::Path::new(&member.name).extension().is_some_and(|extension| extension == "log") {
            member.contents = TEXTS.join(b"\n".as_slice());
        }
    }
    let mut archive = members.tar();
    archive.truncate(archive.len() - 1024);
    let mut builder = tar::Builder::new(Vec::new());
    for text in TEXTS {
        let mut header = tar::Header::new_gnu();
        header.as_old_mut().name[..text.len()].copy_from_slice(text);
        header.set_size(0);
        header.set_cksum();
        builder.append(&header, std::io::empty()).unwrap();
    }
    archive.extend(builder.into_inner().unwrap());
    (archive, texts.0)
}

/// An archive of which all text is hostile.
#[cfg(feature = "parquet")]
pub(crate) fn all_text_hostile(case: &str) -> Vec<u8> {
    hostile(case).0
}

/// The first character that does something else than to be seen.
fn first_unsafe(text: &str, also: &[char]) -> Option<String> {
    let is_unsafe = |c: char| {
        !also.contains(&c)
            && (c.is_control()
                || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'))
    };
    let (at, c) = text.char_indices().find(|(_, c)| is_unsafe(*c))?;
    let around: String = text[..at].chars().rev().take(60).collect::<Vec<_>>().into_iter().rev().collect();
    Some(format!("{c:?} behind {around:?}"))
}

const CASES: [&str; 5] = ["forms-reference", "files-more", "crio-logs", "webapp-compromise", "criu-1.5-agedipc"];

fn open(archive: &[u8]) -> Checkpoint {
    let checkpoints = Options::new().keep(Keep::Everything).hash(true).open_reader(Cursor::new(archive)).unwrap();
    let checkpoint = checkpoints.into_iter().next().unwrap();
    checkpoint.read_all();
    checkpoint
}

fn write(checkpoint: &Checkpoint, format: Format, source: &tables::TableSource) -> String {
    let mut bytes = Vec::new();
    let style = Style { format, columns: Columns::All, name_tables: false, lead: Vec::new(), width: Some(200) };
    let mut writer = RowWriter::new(&mut bytes, style);
    if format.needs_origin() {
        // What documents say of the container and of processes is the attacker's, too.
        let origin = Origin::new(checkpoint.rows().container(), checkpoint.identity(), "archive.tar".to_owned(), None)
            .or_time(Some("2026-01-02T03:04:05Z".parse().unwrap()))
            .with_processes(checkpoint.rows().processes())
            .with_sockets(checkpoint.rows().process_open_sockets());
        writer.encoder().origin(Arc::new(origin));
    }
    writer.begin(source.table).unwrap();
    source.each(checkpoint, &mut |row| {
        writer.row(row).unwrap();
        std::ops::ControlFlow::Continue(())
    });
    writer.finish().unwrap();
    String::from_utf8(bytes).expect("all output is UTF-8")
}

#[test]
fn no_table_lets_text_through_in_any_format() {
    for case in CASES {
        let (archive, replaced) = hostile(case);
        assert!(replaced > 5, "{case}: hardly any text was replaced: {replaced}");
        let checkpoint = open(&archive);
        for source in catalog::all() {
            for format in [Format::TABLE, Format::CSV, Format::JSON, Format::NDJSON] {
                let text = write(&checkpoint, format, source);
                let found = first_unsafe(&text, &['\n']);
                assert!(found.is_none(), "{case}: {} as {format:?}: {}", source.table.name, found.unwrap());
            }
            let rows = write(&checkpoint, Format::NDJSON, source).lines().count();
            for format in [Format::ECS, Format::BULK, Format::OCSF, Format::TIMESKETCH, Format::HEC] {
                let text = write(&checkpoint, format, source);
                let found = first_unsafe(&text, &['\n']);
                assert!(found.is_none(), "{case}: {} as {format:?}: {}", source.table.name, found.unwrap());
                let is_object = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap().is_object();
                assert!(text.lines().all(is_object), "{case}: {} as {format:?}", source.table.name);
                let lines = text.lines().count();
                let expected = if format == Format::BULK { 2 * rows } else { rows };
                assert!(
                    lines == expected || format == Format::TIMESKETCH,
                    "{case}: {}: a line is forged",
                    source.table.name
                );
            }
            let csv = write(&checkpoint, Format::CSV, source).lines().count();
            assert_eq!(rows + 1, csv, "{case}: {}: a line is forged", source.table.name);
        }
    }
}

#[test]
fn no_cell_is_a_formula() {
    for case in CASES {
        let checkpoint = open(&hostile(case).0);
        let mut cells = 0;
        for source in catalog::all() {
            let text = write(&checkpoint, Format::CSV, source);
            for record in csv::Reader::from_reader(text.as_bytes()).records() {
                for cell in &record.expect("each row has all cells") {
                    cells += 1;
                    let is_number = cell.parse::<f64>().is_ok();
                    let begins = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
                    assert!(is_number || !begins, "{case}: {}: {cell}", source.table.name);
                }
            }
        }
        assert!(cells > 1000);
    }
}

#[test]
fn json_loses_nothing() {
    let mut members = Members::of(&fixtures::path("forms-reference/podman-runc.tar"));
    for text in TEXTS {
        let name = String::from_utf8_lossy(text).into_owned();
        let document = serde_json::json!({ "id": "1", "name": name, "rootfsImageName": name });
        members.set("config.dump", document.to_string());
        let container = run_with(&members.tar(), ["table", "-", "container", "--format", "json"]).json();
        assert_eq!(container[0]["name"], name.as_str());
        let html = run_with(&members.tar(), ["show", "-"]);
        assert!(html.code == Some(0) && first_unsafe(&html.out, &['\n']).is_none(), "{}", html.out);
        assert_eq!(html.out.lines().count(), 2, "no line is forged: {}", html.out);
    }
}

#[test]
fn no_command_lets_text_through() {
    for case in ["forms-reference", "crio-logs"] {
        let home = tempfile::tempdir().unwrap();
        // The name of the archive itself may be an attack, too.
        let folder = home.path().join("in\u{202e}\x1b[2J");
        std::fs::create_dir(&folder).unwrap();
        let path = folder.join("\x1b]0;owned\x07.tar");
        std::fs::write(&path, hostile(case).0).unwrap();
        for command in COMMANDS {
            let arguments = command.iter().map(|argument| match *argument {
                "IN" => path.as_os_str().to_owned(),
                "DIR" => folder.as_os_str().to_owned(),
                other => other.replace("OUT", home.path().join("out").to_str().unwrap()).into(),
            });
            let output = cryoscope(home.path()).args(arguments).arg("--verbose").output().unwrap();
            for text in [output.stdout, output.stderr] {
                let text = String::from_utf8(text).unwrap_or_else(|error| panic!("{command:?}: {error}"));
                let found = first_unsafe(&text, &['\n']);
                assert!(found.is_none(), "{case}: {command:?}: {}", found.unwrap());
            }
        }
    }
}
