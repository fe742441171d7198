//! Events and attributes of MISP.

use serde::Deserialize;

use super::super::index::{About, More, Parts, Test};
use super::super::refang::refang;
use super::super::value::{Kind, Value};
use super::Loader;
use super::plain::cut;

/// An event.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    info: Option<String>,
    threat_level_id: Option<Loose>,
    #[serde(default, rename = "Attribute")]
    attributes: Vec<Attribute>,
    #[serde(default, rename = "Object")]
    objects: Vec<Object>,
    #[serde(default, rename = "Tag")]
    tags: Vec<Tag>,
    #[serde(rename = "Orgc")]
    orgc: Option<Org>,
}

#[derive(Debug, Deserialize)]
struct Org {
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Tag {
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Object {
    name: Option<String>,
    comment: Option<String>,
    #[serde(default)]
    deleted: Loose,
    #[serde(default, rename = "Attribute")]
    attributes: Vec<Attribute>,
}

/// An attribute.
#[derive(Debug, Deserialize)]
pub(super) struct Attribute {
    uuid: Option<String>,
    r#type: String,
    value: Loose,
    category: Option<String>,
    comment: Option<String>,
    #[serde(default)]
    to_ids: Loose,
    #[serde(default)]
    deleted: Loose,
    object_relation: Option<String>,
    #[serde(default, rename = "Tag")]
    tags: Vec<Tag>,
    #[serde(rename = "Event")]
    event: Option<Box<Event>>,
}

/// Numbers and booleans, which may be text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(untagged)]
pub(super) enum Loose {
    Bool(bool),
    Number(i64),
    Text(String),
    #[default]
    None,
}

impl Loose {
    fn is_true(&self) -> bool {
        match self {
            Loose::Bool(is) => *is,
            Loose::Number(number) => *number != 0,
            Loose::Text(text) => matches!(text.as_str(), "1" | "true" | "True"),
            Loose::None => false,
        }
    }

    fn text(&self) -> String {
        match self {
            Loose::Bool(is) => is.to_string(),
            Loose::Number(number) => number.to_string(),
            Loose::Text(text) => text.clone(),
            Loose::None => String::new(),
        }
    }
}

/// What attributes of one event have in common.
#[derive(Clone, Debug, Default)]
pub(super) struct Common {
    title: Option<String>,
    author: Option<String>,
    level: Option<String>,
    is_grave: bool,
    tags: Vec<String>,
    comment: Option<String>,
}

impl Common {
    fn of(event: &Event) -> Self {
        let level = event.threat_level_id.as_ref().map(Loose::text);
        Common {
            title: event.info.as_deref().map(cut),
            author: event.orgc.as_ref().and_then(|org| org.name.as_deref()).map(cut),
            is_grave: level.as_deref() == Some("1"),
            level: level.and_then(|level| match level.as_str() {
                "1" => Some("high".to_owned()),
                "2" => Some("medium".to_owned()),
                "3" => Some("low".to_owned()),
                _ => None,
            }),
            tags: names(&event.tags),
            comment: None,
        }
    }
}

fn names(tags: &[Tag]) -> Vec<String> {
    tags.iter().filter_map(|tag| tag.name.as_deref()).take(32).map(cut).collect()
}

/// Takes an event.
pub(super) fn event(loader: &mut Loader, event: &Event) {
    let common = Common::of(event);
    for one in &event.attributes {
        attribute(loader, one, Some(&common));
    }
    for object in event.objects.iter().filter(|object| !object.deleted.is_true()) {
        self::object(loader, object, &common);
    }
}

/// Takes the attributes of an object. Some belong together: an address and its port, a name and the hash of the file.
fn object(loader: &mut Loader, object: &Object, common: &Common) {
    let common =
        Common { comment: object.comment.as_deref().filter(|text| !text.is_empty()).map(cut), ..common.clone() };
    let live = || object.attributes.iter().filter(|one| !one.deleted.is_true());
    let is_hashed =
        live().any(|one| matches!(one.r#type.as_str(), "md5" | "sha1" | "sha256") && is_marked(loader, one));
    let listed: Vec<u16> = live()
        .filter(|one| one.r#type == "port" && one.object_relation.as_deref() != Some("src-port"))
        .filter_map(|one| one.value.text().parse().ok())
        .collect();
    for one in live() {
        let is_name = object.name.as_deref() == Some("file") && one.r#type == "filename";
        if is_name && is_hashed {
            loader.not_used("the name of a file whose hash is given", || place(one));
            continue;
        }
        let is_endpoint = matches!(one.r#type.as_str(), "ip-dst" | "ip-src" | "hostname" | "domain")
            && object.name.as_deref() == Some("ip-port");
        if is_endpoint && !listed.is_empty() && is_marked(loader, one) {
            let Ok(parts) = values(&one.r#type, &one.value.text()) else { continue };
            let at = |port: u16| -> Parts {
                let with = |row: &Vec<Test>| {
                    row.iter()
                        .map(|test| match test {
                            Test::Is(value) => Test::Is(value.clone().at_port(port)),
                            other @ Test::Matches(..) => other.clone(),
                        })
                        .collect()
                };
                parts.iter().map(with).collect()
            };
            let all: Vec<Parts> = listed.iter().take(64).map(|port| at(*port)).collect();
            loader.indicator(about(loader, one, Some(&common)), &all, || place(one));
            continue;
        }
        if one.r#type == "port" && !listed.is_empty() && object.name.as_deref() == Some("ip-port") {
            continue;
        }
        attribute(loader, one, Some(&common));
    }
}

fn is_marked(loader: &Loader, attribute: &Attribute) -> bool {
    loader.all || attribute.to_ids.is_true()
}

fn place(attribute: &Attribute) -> String {
    attribute.uuid.clone().unwrap_or_else(|| format!("{} {}", attribute.r#type, cut(&attribute.value.text())))
}

fn about(loader: &Loader, attribute: &Attribute, common: Option<&Common>) -> About {
    let own = attribute.event.as_deref().map(Common::of);
    let common = common.cloned().or(own).unwrap_or_default();
    let mut labels = names(&attribute.tags);
    labels.extend(common.tags);
    labels.extend(attribute.category.as_deref().map(cut));
    labels.truncate(32);
    let more = More {
        id: attribute.uuid.as_deref().map(cut),
        title: common.title,
        description: attribute.comment.as_deref().filter(|text| !text.is_empty()).map(cut).or(common.comment),
        labels,
        author: common.author,
        level: common.level,
        is_grave: common.is_grave,
        until: None,
        note: None,
    };
    About { list: loader.list(), line: None, more: Some(Box::new(more)) }
}

/// Takes an attribute.
pub(super) fn attribute(loader: &mut Loader, attribute: &Attribute, common: Option<&Common>) {
    if attribute.deleted.is_true() {
        return;
    }
    if !is_marked(loader, attribute) {
        loader.not_used("it is not marked for detection (to_ids); --ioc-all uses it", || place(attribute));
        return;
    }
    match values(&attribute.r#type, &attribute.value.text()) {
        Ok(parts) => loader.indicator(about(loader, attribute, common), &[parts], || place(attribute)),
        Err(why) => loader.not_used(why, || place(attribute)),
    }
}

/// What an attribute of a type says. Of a value of two parts, both must hold.
pub(super) fn values(kind: &str, text: &str) -> Result<Parts, &'static str> {
    let one = |value: Value| vec![vec![Test::Is(value)]];
    let both = |text: &str| {
        text.split_once('|')
            .map(|(a, b)| (a.trim().to_owned(), b.trim().to_owned()))
            .ok_or("it has one part instead of two")
    };
    let simple = |kind: Kind| Value::new(kind, &refang(text)).map(one);
    let as_it_is = |kind: Kind| Value::new(kind, text).map(one);
    match kind {
        "ip-src" | "ip-dst" => simple(Kind::Address),
        "domain" | "hostname" => simple(Kind::Domain),
        "url" | "uri" | "link" => simple(Kind::Url),
        "md5" => simple(Kind::Md5),
        "sha1" => simple(Kind::Sha1),
        "sha256" => simple(Kind::Sha256),
        "tlsh" => simple(Kind::Tlsh),
        "filename" => Ok(one(file(text)?)),
        "mutex" | "named pipe" => as_it_is(Kind::Socket),
        "port" => simple(Kind::Port),
        "process-name" => as_it_is(Kind::Process),
        "ssh-fingerprint" => as_it_is(Kind::SshKey),
        "user-agent" | "email" | "email-src" | "email-dst" | "btc" | "xmr" | "dash" | "pattern-in-memory"
        | "pattern-in-traffic" | "pattern-in-file" | "text" | "http-method" | "cookie" => as_it_is(Kind::Text),
        "ip-src|port" | "ip-dst|port" | "hostname|port" => {
            let (host, port) = both(text)?;
            let kind = if kind == "hostname|port" { Kind::Domain } else { Kind::Address };
            let port = port.parse().ok().filter(|&port: &u16| port != 0).ok_or("it is no port")?;
            Ok(one(Value::new(kind, &refang(&host))?.at_port(port)))
        }
        "domain|ip" => {
            let (domain, address) = both(text)?;
            let rows = [Value::new(Kind::Domain, &refang(&domain))?, Value::new(Kind::Address, &refang(&address))?];
            Ok(rows.into_iter().map(|value| vec![Test::Is(value)]).collect())
        }
        "filename|md5" | "filename|sha1" | "filename|sha256" | "filename|tlsh" => {
            let (name, hash) = both(text)?;
            let kind = match kind {
                "filename|md5" => Kind::Md5,
                "filename|sha1" => Kind::Sha1,
                "filename|tlsh" => Kind::Tlsh,
                _ => Kind::Sha256,
            };
            Ok(vec![vec![Test::Is(Value::new(kind, &hash)?), Test::Is(file(&name)?)]])
        }
        "yara" => Err("it is a rule of YARA; give such rules with --yara"),
        "sigma" => Err("it is a rule of Sigma; give such rules with --sigma"),
        _ => Err("attributes of this type are not compared"),
    }
}

/// A path or the name of a file.
fn file(text: &str) -> Result<Value, &'static str> {
    if text.contains('\\') {
        return Err("paths and keys of Windows are not compared");
    }
    let kind = match (text.starts_with('/'), text.ends_with('/')) {
        (true, true) => Kind::Directory,
        (true, false) => Kind::Path,
        _ => Kind::Name,
    };
    Value::new(kind, text)
}
