//! What the images of a network namespace hold that are no records: dumps of netlink messages, and the text of firewalls.

use cryoscope::images::Kind;
use cryoscope::memory::Keep;

use super::parts::{decode, images_of, least, name_of, read_tables};

const KINDS: [Kind; 9] = [
    Kind::Ifaddr,
    Kind::Route,
    Kind::Route6,
    Kind::Rule,
    Kind::Conntrack,
    Kind::ConntrackExpect,
    Kind::Iptables,
    Kind::Ip6tables,
    Kind::Nftables,
];
const TABLES: [&str; 9] = [
    "addresses",
    "routes",
    "routes",
    "routing_rules",
    "conntrack",
    "conntrack",
    "firewall",
    "firewall",
    "firewall",
];

/// The first byte chooses the kind.
pub fn run(data: &[u8]) {
    let Some((&number, contents)) = data.split_first() else { return };
    let number = usize::from(number) % KINDS.len();
    let name = name_of(KINDS[number]);
    decode(&read_tables(&least(&[(&name, contents)]), Keep::Files, &[TABLES[number]]), Some(&name));
}

pub fn seeds() -> Vec<Vec<u8>> {
    let saved: [&[u8]; 4] = [
        include_bytes!("../../fixtures/netlink/ifaddr.img"),
        include_bytes!("../../fixtures/netlink/route.img"),
        include_bytes!("../../fixtures/netlink/route6.img"),
        include_bytes!("../../fixtures/netlink/rule.img"),
    ];
    let saved = (0_u8..).zip(saved).map(|(number, contents)| [&[number], contents].concat());
    let mut seeds = images_of(include_bytes!("../../fixtures/nspaces/nspaces.tar.zst"), &KINDS);
    seeds.extend(saved);
    // A tracked connection: a header, a body of four bytes, and attributes in attributes.
    let number = |kind: u16, bytes: &[u8]| {
        let len = u16::try_from(bytes.len() + 4).expect("short");
        let mut attribute = [&len.to_le_bytes(), &kind.to_le_bytes(), bytes].concat();
        attribute.resize(attribute.len().next_multiple_of(4), 0);
        attribute
    };
    let ends = [number(1, &[10, 0, 0, 1]), number(2, &[10, 0, 0, 2])].concat();
    let ports = [number(1, &[6]), number(2, &[1, 187]), number(3, &[0, 80])].concat();
    let tuple = [number(0x8001, &ends), number(0x8002, &ports)].concat();
    let state = number(0x8001, &number(1, &[3]));
    let attributes =
        [number(0x8001, &tuple), number(0x8002, &tuple), number(0x8004, &state), number(3, &[0, 0, 0, 14]), number(7, &[0, 0, 1, 0])];
    let body = [&[2, 0, 0, 0], attributes.concat().as_slice()].concat();
    let len = u32::try_from(body.len() + 16).expect("short");
    let message = [&len.to_le_bytes(), &[0, 1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &body].concat();
    seeds.extend([4, 5].map(|kind| [&[kind], message.as_slice(), &message].concat()));
    seeds.push(b"\x06*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 10.0.0.0/8 -p tcp -j DROP\nCOMMIT\n".to_vec());
    seeds.push(b"\x08table inet f {\n  chain c {\n    type filter hook input priority 0;\n    drop\n  }\n}\n".to_vec());
    seeds
}
