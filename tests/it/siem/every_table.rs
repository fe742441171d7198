//! Rows of every table, made of their columns' types: no archive has something of each, and none has all of it at once.

use std::borrow::Cow;
use std::collections::BTreeMap;

use cryoscope::Checkpoint;
use cryoscope::catalog;
use cryoscope::formats::{Format, Origin};
use cryoscope::tables::{self, Column, Row, System, Table, Type, Value};
use serde_json::json;

use super::{Ecs, Ocsf, encoder, encoder_of, hostile, lines, nothing_is_filled, nothing_is_null, sketches, template};
use crate::fixtures;

/// What the columns of a row have.
#[derive(Clone, Copy, Debug)]
enum Filling<'t> {
    /// Nothing is known.
    Nothing,
    /// Something plausible.
    Something,
    /// The largest numbers, and text that breaks formats, wherever the type lets it.
    Extremes(&'t [u8]),
}

struct Made<'t> {
    table: &'static Table,
    filling: Filling<'t>,
}

/// Text as our tables have it where a field of another schema is of a narrower type.
fn narrow(column: &Column) -> Option<&'static str> {
    let fields = column.targets().iter().map(|target| (target.system, target.field));
    fields.into_iter().find_map(|(system, field)| match (system, field) {
        (_, "source.ip" | "destination.ip" | "network_interfaces.ip") => Some("192.0.2.1"),
        (System::Flow, "local.ip" | "remote.ip") => Some("2001:db8::1"),
        (_, "network_interfaces.mac") => Some("02:00:00:00:00:01"),
        (System::Flow, "family") => Some("inet6"),
        (System::Flow, "transport") | (_, "network.transport") => Some("tcp"),
        _ => None,
    })
}

impl Row for Made<'_> {
    fn table(&self) -> &Table {
        self.table
    }

    fn value(&self, number: usize) -> Value<'_> {
        let column = &self.table.columns[number];
        let bytes = match self.filling {
            Filling::Nothing => return Value::Null,
            Filling::Something => b"/srv/a.txt",
            Filling::Extremes(bytes) => bytes,
        };
        let largest = matches!(self.filling, Filling::Extremes(_));
        match column.column_type {
            Type::Bool => Value::Bool(true),
            Type::Integer if largest && column.wide => Value::Integer(u64::MAX.into()),
            Type::Integer if largest => Value::Integer(i64::MAX.into()),
            Type::Integer => Value::Integer(7),
            Type::Text => match narrow(column) {
                Some(text) => Value::Text(text.into()),
                None => Value::Bytes(bytes.into()),
            },
            Type::Address => Value::Address(u64::MAX),
            Type::Mask => Value::Mask(if largest { u64::MAX } else { 0x21 }),
            Type::Time => Value::Time("2026-01-02T03:04:05.678901234Z".parse().unwrap()),
            Type::List => Value::List(vec![Value::Bytes(bytes.into()), Value::Bytes(b"b".into())]),
            Type::Object => Value::Object(vec![(Cow::Borrowed("a.b"), Value::Bytes(bytes.into()))]),
            other => panic!("{} is of a type that has no example: {other:?}", column.name),
        }
    }
}

#[test]
fn rows_of_every_table_are_documents_of_every_schema_whatever_they_hold() {
    let checkpoint = Checkpoint::open(fixtures::path("forms-reference/podman-runc.tar")).unwrap();
    let (ecs, ocsf, legacy, hostile) = (Ecs::new(), Ocsf::new(), Ocsf::legacy(), hostile());
    let (mapped, mut types, mut sketched) = (template::mapped(), BTreeMap::new(), sketches::Names::default());
    let mut fillings = vec![Filling::Nothing, Filling::Something];
    fillings.extend(hostile.iter().map(|text| Filling::Extremes(text)));
    let tables = catalog::all().map(|source| source.table).chain(tables::ASKED.iter().copied());
    let (mut made, mut long) = (0, 0);
    for (number, table) in tables.enumerate() {
        for &filling in &fillings {
            // What is cut is cut in all tables in the same way, and slow: some of them are enough.
            if matches!(filling, Filling::Extremes(text) if text.len() > 1000) {
                if !number.is_multiple_of(8) {
                    continue;
                }
                long += 1;
            }
            let row = Made { table, filling };
            let documents = |format| lines(encoder(format, &checkpoint).encode(&row).unwrap());
            let [document] = documents(Format::ECS).try_into().unwrap();
            ecs.check(&table.name, &document);
            template::fits(&mapped, &document, &mut types);
            let [action, source] = documents(Format::BULK).try_into().unwrap();
            assert_eq!(action["create"]["_id"], source["event"]["id"], "{}", table.name);
            let [event] = documents(Format::OCSF).try_into().unwrap();
            ocsf.check(&event);
            let mut old = encoder_of(Format::OCSF, &checkpoint, Origin::with_legacy_classes);
            let [event] = lines(old.encode(&row).unwrap()).try_into().unwrap();
            legacy.check(&event);
            for event in documents(Format::TIMESKETCH) {
                nothing_is_filled(&event);
                sketched.take(&event);
                let names = ["message", "datetime", "timestamp_desc", "data_type", "event_id"];
                assert!(names.iter().all(|name| event[name].is_string()), "{event}");
            }
            let [event] = documents(Format::HEC).try_into().unwrap();
            assert_eq!(event["sourcetype"], json!(format!("cryoscope:{}", table.name)));
            assert!(event["event"].as_object().is_some_and(|row| !row.is_empty()), "{event}");
            nothing_is_null(&event);
            made += 1;
        }
    }
    assert!(long > 5, "{long}");
    assert_eq!(made - long, (catalog::all().count() + tables::ASKED.len()) * 11);
}
