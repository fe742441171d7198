//! Rows as documents of the Elastic Common Schema, release 9.4.0. The columns name their fields; columns without a
//! field are placed under `cryoscope` and the name of the table. See `docs/siem.md`.

mod fields;
mod finding;
mod process;

use std::io;
use std::net::IpAddr;

use serde_json::{Map, Value as Json};

use super::document::{self, Direction, Document, End, Flow, PathText, is_empty, needs_more, plain, plain_in};
use super::encoder::Encoded;
use super::finding::Found;
use super::format::{Encode, Kind, Line};
use super::origin::{CLUSTER_FIELD, HOST_FIELDS};
use super::{Columns, Origin};

use crate::abi::{capability, ip};
use crate::tables::{Form, Row, Subject, System, Target, Value};
use crate::timeline;
pub(super) use fields::{Field, fields};

/// Release of the schema.
const VERSION: &str = "9.4.0";
/// Longest term that Lucene accepts, in bytes. A document with a longer one is refused as a whole.
const LONGEST: usize = 32766;
/// Name of the observer.
const NAME: &str = "cryoscope";

/// Documents of the Elastic Common Schema.
pub(super) struct Ecs;

impl Encode for Ecs {
    fn name(&self) -> &'static str {
        "ecs"
    }

    fn doc(&self) -> &'static str {
        "Documents of the Elastic Common Schema, one per line"
    }

    fn kind(&self) -> Kind {
        Kind::Document { timed: true }
    }

    fn encode(&self, line: &Line<'_>) -> io::Result<Encoded> {
        let (origin, id) = line.origin()?;
        let mut out = Vec::new();
        super::line(&mut out, document(line.row, line.columns, origin, id));
        Ok(Encoded::Bytes(out))
    }
}

/// The document of a row.
pub(super) fn document(row: &dyn Row, columns: &Columns, origin: &Origin, id: &str) -> Map<String, Json> {
    let table = row.table();
    let event = &table.event;
    let pid = document::pid_of(row);
    let flow = Flow::of(row, origin);
    let mut ecs = Filling { document: Document::default(), origin };
    let document = &mut ecs.document;
    let own = timeline::event_time(row);
    let checkpointed = origin.time.as_ref().map(|(time, _)| format!("{time:.3}"));
    document.set_some("@timestamp", own.map(|time| format!("{time:.9}")).or(checkpointed));
    document.set("ecs.version", VERSION);
    document.set("event.kind", event.kind);
    let by_default: &[&str] = if pid.is_some() { &["process"] } else { &["host"] };
    document.set("event.category", if event.categories.is_empty() { by_default } else { event.categories });
    // A finding is about a connection at most.
    let connected = event.subject != Subject::Finding && flow.as_ref().is_some_and(|flow| flow.remote.ip.is_some());
    document.set("event.type", [if connected { "connection" } else { "info" }].as_slice());
    document.set("event.action", if event.action.is_empty() { &*table.name } else { event.action });
    if origin.starts && event.existence {
        // Rules about process starts match these values. Nothing proves that the process just started, so a tag says
        // so.
        document.add("event.type", "start");
        document.set("event.action", "exec");
        document.add("tags", "state_as_start");
    }
    document.set("event.module", NAME);
    document.set("event.dataset", format!("{NAME}.{}", table.name));
    document.set("event.provider", NAME);
    document.set("event.id", id);
    document.set("observer.type", "forensic");
    document.set("observer.vendor", NAME);
    document.set("observer.product", NAME);
    document.set("observer.version", env!("CARGO_PKG_VERSION"));
    ecs.context();
    ecs.said();
    ecs.data_stream(&table.name);
    let prefix = if event.prefix.is_empty() { &*table.name } else { event.prefix };
    for (number, column) in columns.of(table) {
        let value = row.value(number);
        if is_empty(&value) {
            continue;
        }
        let targets = column.targets().iter().filter(|target| target.system == System::Ecs);
        let mut said = false;
        for target in targets {
            said |= ecs.put(target, &value);
        }
        if !said || needs_more(&value) {
            ecs.own(prefix, &column.name, &value);
        }
    }
    if let Some(pid) = pid {
        ecs.own_process(pid, event.existence);
    }
    if let Some(found) = Found::of(row) {
        if let Some(pid) = pid {
            ecs.whole_process(pid);
        }
        ecs.finding(&found);
    }
    if let Some(flow) = flow {
        ecs.flow(&flow);
    }
    if !row.withheld().is_empty() {
        ecs.document.add("tags", "withheld");
    }
    ecs.related();
    ecs.cut();
    ecs.document.0
}

struct Filling<'o> {
    document: Document,
    origin: &'o Origin,
}

impl Filling<'_> {
    /// Adds the fields that all documents of a checkpoint share: its container and the archive.
    fn context(&mut self) {
        let container = &self.origin.container;
        for (number, column) in container.table().columns.iter().enumerate() {
            let mut targets =
                column.targets().iter().filter(|target| target.system == System::Ecs && !target.own).peekable();
            // A column may have a hundred thousand annotations, none of which is copied into documents.
            if targets.peek().is_none() || self.has_many_labels(&column.name) {
                continue;
            }
            let value = container.value(number);
            for target in targets {
                if !is_empty(&value) {
                    self.put(target, &value);
                }
            }
        }
        if container.pod.is_some() {
            self.document.set("orchestrator.type", "kubernetes");
            self.document.set("orchestrator.resource.type", "pod");
            let addresses = self.origin.addresses();
            if !addresses.is_empty() {
                self.document.set("orchestrator.resource.ip", addresses);
            }
        }
        self.document.set("host.os.type", "linux");
        self.document.set("cryoscope.archive", self.origin.archive.as_str());
        self.document.set_some("cryoscope.set", self.origin.set.as_deref());
        self.document.set_some("cryoscope.archive_sha256", self.origin.archive_sha256.as_deref());
        if let Some((time, source)) = &self.origin.time {
            self.document.set("cryoscope.checkpointed", format!("{time:.9}"));
            self.document.set("cryoscope.time_source", source.as_str());
        }
    }

    /// Adds the user's own fields to all rows, mapped to ECS where possible.
    fn said(&mut self) {
        self.document.set_some("host.name", self.origin.host_name());
        let mut host = self.origin.fields.iter().find(|(name, _)| HOST_FIELDS.contains(&name.as_str()));
        for (name, text) in &self.origin.fields {
            match name.as_str() {
                // If both host fields are given, the first names the host and the other becomes a label.
                first if host.take_if(|(host, _)| host == first).is_some() => {}
                CLUSTER_FIELD => self.document.set("orchestrator.cluster.name", text.as_str()),
                other => self.document.set(&format!("labels.{}", other.replace('.', "_")), text.as_str()),
            }
        }
    }

    /// The data stream of the document, if any. Servers refuse a document that does not match its name.
    fn data_stream(&mut self, table: &str) {
        let Some(stream) = self.origin.index.data_stream(table) else { return };
        self.document.set("data_stream.type", stream.kind);
        self.document.set("data_stream.dataset", stream.dataset);
        self.document.set("data_stream.namespace", stream.namespace);
    }

    /// Whether there are too many labels to repeat them in each document. The document of the container itself has all.
    fn has_many_labels(&self, column: &str) -> bool {
        column == "labels"
            && self.origin.container.labels.as_ref().is_some_and(|labels| labels.len() > Origin::REPEATED)
    }

    /// Puts a value into a field if possible, and tells whether nothing of it was lost.
    fn put(&mut self, target: &Target, value: &Value<'_>) -> bool {
        let field = target.field;
        if document::is_blank(value) {
            // A value known to be empty goes under our own name.
            return false;
        }
        let json = match target.form {
            Form::Plain if needs_more(value) && matches!(value, Value::Integer(_)) => None,
            Form::Plain => Some(plain_in(field, value)),
            Form::Text => Some(document::as_text(value)),
            Form::Lower => document::lower(value),
            Form::Capabilities => match value {
                // An empty list is the same as a missing one.
                Value::Mask(0) => None,
                Value::Mask(mask) => Some(capability::names(*mask).iter().map(|name| Json::from(&**name)).collect()),
                _ => None,
            },
            Form::FileType => document::file_type(value).map(|name| match name.as_str() {
                "regular" => "file".into(),
                "directory" => "dir".into(),
                _ => name.into(),
            }),
            Form::First => match value {
                Value::List(list) => list.first().map(plain),
                _ => None,
            },
            Form::Digest => plain(value).as_str().map(|text| {
                let digest = text.rsplit_once('@').map_or(text, |(_, digest)| digest);
                [digest].as_slice().into()
            }),
            Form::Labels => Some(labels(value)),
            Form::Pairs => Some(document::pairs(value)),
            Form::Related => return self.related_value(field, value),
            Form::Process => return self.related_process(field, value),
            Form::Path => return self.path(field, value),
            Form::Image => return self.image(value),
            Form::ChangeType => match plain(value).as_str() {
                Some("deleted" | "opaque") => Some(["deletion"].as_slice().into()),
                // Engines do not distinguish new files from changed ones.
                _ => None,
            },
            Form::Uuid | Form::TcpState | Form::Sha256 | Form::Moment | Form::Millis | Form::Octal => None,
        };
        let Some(json) = json else { return false };
        let whole = fits(&json) && (target.form == Form::Text || json == plain(value));
        self.document.set(field, json);
        whole
    }

    /// Puts a value under our own names, for columns that ECS does not know.
    fn own(&mut self, prefix: &str, column: &str, value: &Value<'_>) {
        // Dots in names would turn them into objects.
        let entries = match value {
            Value::Object(entries) if entries.iter().any(|(name, _)| name.is_empty() || name.contains('.')) => {
                vec![(format!("{column}_json"), super::json::to_text(value).into())]
            }
            _ => document::entries(column, value),
        };
        for (name, json) in entries {
            self.document.set(&format!("cryoscope.{prefix}.{name}"), json);
        }
    }

    /// Adds a value to the `related` fields. The column keeps it, too.
    fn related_value(&mut self, field: &str, value: &Value<'_>) -> bool {
        let json = plain(value);
        let fits = |text: &&str| field != "related.ip" || text.parse::<IpAddr>().is_ok();
        if let Some(text) = json.as_str().filter(fits) {
            let text = if field == "related.ip" { ip::text_on_the_wire(text) } else { text.into() };
            self.document.add(field, text.as_ref());
        }
        false
    }

    /// A path, and the fields derived from it.
    fn path(&mut self, field: &str, value: &Value<'_>) -> bool {
        let Some(path) = PathText::of(value) else { return false };
        let text = Json::from(path.path.as_str());
        let whole = !path.deleted && fits(&text);
        self.document.set(field, text);
        if field == "file.path" {
            self.document.set("file.name", path.name());
            self.document.set_some("file.directory", path.directory());
            self.document.set_some("file.extension", path.extension());
        }
        if path.deleted {
            self.document.add("tags", if field == "file.path" { "deleted_file" } else { "deleted_executable" });
        }
        whole
    }

    /// The reference of an image: `registry.test:5000/shop:1.4@sha256:…`.
    fn image(&mut self, value: &Value<'_>) -> bool {
        let json = plain(value);
        let Some(reference) = json.as_str() else { return false };
        let (reference, _) = reference.split_once('@').unwrap_or((reference, ""));
        let (name, tag) = match reference.rsplit_once(':') {
            // After the colon of a registry comes a port.
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (reference, None),
        };
        self.document.set("container.image.name", name);
        self.document.set_some("container.image.tag", tag.map(|tag| Json::from([tag].as_slice())));
        false
    }

    fn flow(&mut self, flow: &Flow) {
        let document = &mut self.document;
        let transport = flow.keyword();
        document.set_some("network.transport", transport.filter(|name| *name != "raw" && name.parse::<u32>().is_err()));
        document.set_some("network.iana_number", flow.number().map(|number| number.to_string()));
        let version = if flow.family.as_deref() == Some("inet6") { "ipv6" } else { "ipv4" };
        document.set("network.type", version);
        let direction = flow.direction.map(|direction| match direction {
            Direction::Ingress => "ingress",
            Direction::Egress => "egress",
        });
        document.set_some("network.direction", direction);
        let (source, destination) = flow.ends();
        for (name, End { ip, port }) in [("source", source), ("destination", destination)] {
            let Some(ip) = ip else { continue };
            document.set(&format!("{name}.address"), ip.as_str());
            document.set(&format!("{name}.ip"), ip);
            document.set_some(&format!("{name}.port"), port);
        }
        document.set_some("network.community_id", flow.community_id());
        if flow.listening {
            document.add("tags", "listener");
        }
    }

    /// Truncates text in schema fields that is longer than Lucene accepts. The whole text is then under `cryoscope`.
    fn cut(&mut self) {
        let mut some = false;
        for (_, field) in self.document.0.iter_mut().filter(|(name, _)| *name != NAME) {
            if !fits(field) {
                cut(field);
                some = true;
            }
        }
        if some {
            self.document.add("tags", "truncated");
        }
    }

    /// Collects the values that analysts pivot on.
    fn related(&mut self) {
        let document = &mut self.document;
        let texts = |document: &Document, fields: &[&str]| -> Vec<String> {
            let values = fields.iter().filter_map(|field| document.get(field));
            let mut texts: Vec<String> = values
                .flat_map(|value| match value {
                    Json::String(text) => vec![text.clone()],
                    Json::Array(list) => list.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
                    _ => Vec::new(),
                })
                .collect();
            texts.sort();
            texts.dedup();
            texts
        };
        let mut ips = texts(document, &["related.ip", "source.ip", "destination.ip", "orchestrator.resource.ip"]);
        if document.text("event.dataset") == Some("cryoscope.container") {
            ips.extend(self.origin.addresses());
        }
        ips.sort();
        ips.dedup();
        let container = self.origin.container.hostname.as_ref().filter(|name| !name.is_empty());
        let mut hosts = texts(document, &["host.name"]);
        hosts.extend(container.map(|name| document::text_of(name).into_owned()));
        hosts.sort();
        hosts.dedup();
        let users = ["user.id", "process.user.id", "process.real_user.id", "process.saved_user.id"];
        let users = texts(document, &users);
        let hashes = texts(document, &["related.hash", "container.image.hash.all", "file.hash.sha256"]);
        let hashes = hashes.iter().map(|hash| hash.rsplit(':').next().unwrap_or(hash).to_owned()).collect();
        for (name, list) in [("ip", ips), ("hosts", hosts), ("user", users), ("hash", hashes)] {
            if !list.is_empty() {
                document.set(&format!("related.{name}"), list);
            }
        }
    }
}

/// Labels, with `_` for each dot in their names. If two names become equal, the first is kept.
fn labels(value: &Value<'_>) -> Json {
    let Value::Object(entries) = value else { return Json::Null };
    let mut labels = Map::new();
    for (name, value) in entries.iter().filter(|(name, _)| !name.is_empty()) {
        let text = match plain(value) {
            Json::String(text) => text,
            other => other.to_string(),
        };
        labels.entry(name.replace('.', "_")).or_insert_with(|| text.into());
    }
    Json::Object(labels)
}

/// Whether Lucene accepts all of it.
fn fits(json: &Json) -> bool {
    match json {
        Json::String(text) => text.len() <= LONGEST,
        Json::Array(list) => list.iter().all(fits),
        Json::Object(map) => map.values().all(fits),
        _ => true,
    }
}

/// Truncates text that Lucene does not accept.
fn cut(json: &mut Json) {
    match json {
        Json::String(text) if text.len() > LONGEST => text.truncate(text.floor_char_boundary(LONGEST)),
        Json::Array(list) => list.iter_mut().for_each(cut),
        Json::Object(map) => map.values_mut().for_each(cut),
        _ => {}
    }
}
