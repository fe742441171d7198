//! Lists in JSON: what they are follows from their keys. They are read as a stream, object by object.

use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::super::guess::guess;
use super::super::index::{About, Test};
use super::plain::cut;
use super::{Loader, misp, stix};

/// Events of a feed.
const EVENTS: usize = 100_000;

/// Whether text that begins with a bracket is JSON, and no list with defanged text.
pub(super) fn is_json(text: &str) -> bool {
    let mut chars = text.chars().filter(|c| !c.is_whitespace());
    matches!(
        (chars.next(), chars.next()),
        (Some('{'), None | Some('"' | '}')) | (Some('['), None | Some('{' | ']' | '[' | '"'))
    )
}

/// Reads a list. The path is that of the file.
pub(super) fn read(loader: &mut Loader, path: &Path, reader: impl Read) -> Result<&'static str, String> {
    let from = loader.builder.abouts().len();
    let mut state = State { loader, format: None, events: Vec::new(), identities: stix::Identities::default() };
    let mut deserializer = serde_json::Deserializer::from_reader(reader);
    let read = Document(&mut state).deserialize(&mut deserializer).and_then(|()| deserializer.end());
    let State { format, events, identities, .. } = state;
    read.map_err(|error| format!("not valid JSON of a list: {error}"))?;
    identities.name(loader, from);
    if !events.is_empty() {
        feed(loader, path, &events)?;
    }
    match format {
        Some(format) => Ok(format),
        None if events.is_empty() => {
            Err("the JSON is neither a bundle of STIX 2.1 nor an event, a list of attributes or a feed of MISP"
                .to_owned())
        }
        None => Ok("misp"),
    }
}

/// Reads the events of a feed: files next to the manifest that are named by a UUID.
fn feed(loader: &mut Loader, manifest: &Path, events: &[String]) -> Result<(), String> {
    let folder = manifest.parent().map_or_else(PathBuf::new, Path::to_owned);
    for event in events {
        let file = folder.join(format!("{event}.json"));
        // A link could lead out of the folder.
        let is_here = file.symlink_metadata().is_ok_and(|data| data.is_file());
        if !is_here {
            loader.not_used("the file of the event is missing", || format!("{event}.json"));
            continue;
        }
        let opened = std::fs::File::open(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let before = loader.lists.len();
        loader.read(&file, opened.take(super::FILE)).map_err(|why| format!("{event}.json: {why}"))?;
        // The manifest is the list that is named.
        if loader.lists.len() > before.saturating_add(1) {
            return Err(format!("{event}.json: a feed within a feed"));
        }
    }
    Ok(())
}

/// Whether text is a UUID. Nothing else is part of a path.
fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text
            .char_indices()
            .all(|(at, c)| if matches!(at, 8 | 13 | 18 | 23) { c == '-' } else { c.is_ascii_hexdigit() })
}

struct State<'l> {
    loader: &'l mut Loader,
    format: Option<&'static str>,
    /// Events of a feed.
    events: Vec<String>,
    identities: stix::Identities,
}

/// A document, or a part of it that may be one.
struct Document<'s, 'l>(&'s mut State<'l>);

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bundle of STIX 2.1, or an event, attributes or a feed of MISP")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<String>()? {
            let state = &mut *self.0;
            match key.as_str() {
                "objects" => {
                    state.format = Some("stix");
                    map.next_value_seed(Objects(state))?;
                }
                "Event" => {
                    state.format = Some("misp");
                    let event: misp::Event = map.next_value()?;
                    misp::event(state.loader, &event);
                }
                "Attribute" | "attributes" => {
                    state.format = Some("misp");
                    map.next_value_seed(Attributes(state))?;
                }
                "response" => map.next_value_seed(Document(state))?,
                key if is_uuid(key) && state.events.len() < EVENTS => {
                    state.events.push(key.to_ascii_lowercase());
                    map.next_value::<IgnoredAny>()?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(item) = list.next_element::<Item>()? {
            match item {
                Item::Event { event } => {
                    self.0.format = Some("misp");
                    misp::event(self.0.loader, &event);
                }
                Item::Stix(object) if object.is_known() => {
                    self.0.format = Some("stix");
                    stix::object(self.0.loader, *object, &mut self.0.identities);
                }
                Item::Attribute(attribute) => {
                    self.0.format = Some("misp");
                    misp::attribute(self.0.loader, &attribute, None);
                }
                Item::Text(text) => {
                    self.0.format.get_or_insert("text");
                    value(self.0.loader, &text);
                }
                Item::Stix(_) | Item::Other(_) => {}
            }
        }
        Ok(())
    }
}

/// An item of a list.
#[derive(Deserialize)]
#[serde(untagged)]
enum Item {
    Event {
        #[serde(rename = "Event")]
        event: Box<misp::Event>,
    },
    Attribute(Box<misp::Attribute>),
    Stix(Box<stix::Object>),
    Text(String),
    Other(IgnoredAny),
}

/// Takes an indicator of a list of nothing but those.
fn value(loader: &mut Loader, text: &str) {
    match guess(text) {
        Ok(values) => {
            let alternatives: Vec<_> = values.into_iter().map(|value| vec![vec![Test::Is(value)]]).collect();
            let about = About { list: loader.list(), ..About::default() };
            loader.indicator(about, &alternatives, || cut(text));
        }
        Err(why) => loader.not_used(why, || cut(text)),
    }
}

struct Objects<'s, 'l>(&'s mut State<'l>);

impl<'de> DeserializeSeed<'de> for Objects<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Objects<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the objects of a bundle")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(object) = list.next_element::<stix::Object>()? {
            stix::object(self.0.loader, object, &mut self.0.identities);
        }
        Ok(())
    }
}

struct Attributes<'s, 'l>(&'s mut State<'l>);

impl<'de> DeserializeSeed<'de> for Attributes<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Attributes<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("attributes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(attribute) = list.next_element::<misp::Attribute>()? {
            misp::attribute(self.0.loader, &attribute, None);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_texts_is_one_of_indicators() {
        let mut loader = Loader::new(true);
        let text = "[\"evil[.]com\", \"203.0.113.7:4444\", \"HKLM\\\\Software\\\\x\"]";
        loader.read(Path::new("x.json"), text.as_bytes()).unwrap();
        assert_eq!((loader.lists[0].format, loader.lists[0].used, loader.lists[0].not_used.len()), ("text", 2, 1));
        let index = loader.finish().index;
        let said: Vec<&[u8]> = index.entries.iter().map(|entry| index.text_of(entry)).collect();
        assert_eq!(said, [&b"evil.com"[..], b"203.0.113.7"]);
    }
}
