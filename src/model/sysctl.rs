//! Kernel settings that belong to namespaces: network namespaces in `netns-NS.img` and `netdev-NS.img`, IPC namespaces
//! in `ipcns-var-NS.img`.

use super::Model;
use super::engine_files::EngineFiles;
use super::ids::NamespaceId;
use crate::images::proto::{IpcVarEntry, NetDeviceEntry, NetnsEntry, SysctlEntry};
use crate::images::{Images, Kind};
use crate::int::{u64_of, usize_of};

/// Names of IPv4 device settings by position, in lists of this length. Source: CRIU's `criu/net.c`, `devconfs4`.
const CONF4: [&str; 30] = [
    "accept_local",
    "accept_redirects",
    "accept_source_route",
    "arp_accept",
    "arp_announce",
    "arp_filter",
    "arp_ignore",
    "arp_notify",
    "bootp_relay",
    "disable_policy",
    "disable_xfrm",
    "force_igmp_version",
    "forwarding",
    "igmpv2_unsolicited_report_interval",
    "igmpv3_unsolicited_report_interval",
    "log_martians",
    "medium_id",
    "promote_secondaries",
    "proxy_arp",
    "proxy_arp_pvlan",
    "route_localnet",
    "rp_filter",
    "secure_redirects",
    "send_redirects",
    "shared_media",
    "src_valid_mark",
    "tag",
    "ignore_routes_with_linkdown",
    "drop_gratuitous_arp",
    "drop_unicast_in_l2_multicast",
];

/// Names of IPv6 device settings by position, in lists of this length. Source: the same, `devconfs6`.
const CONF6: [&str; 42] = [
    "accept_dad",
    "accept_ra",
    "accept_ra_defrtr",
    "accept_ra_from_local",
    "accept_ra_min_hop_limit",
    "accept_ra_mtu",
    "accept_ra_pinfo",
    "accept_ra_rt_info_max_plen",
    "accept_ra_rtr_pref",
    "accept_redirects",
    "accept_source_route",
    "autoconf",
    "dad_transmits",
    "disable_ipv6",
    "drop_unicast_in_l2_multicast",
    "drop_unsolicited_na",
    "force_mld_version",
    "force_tllao",
    "forwarding",
    "hop_limit",
    "ignore_routes_with_linkdown",
    "keep_addr_on_down",
    "max_addresses",
    "max_desync_factor",
    "mldv1_unsolicited_report_interval",
    "mldv2_unsolicited_report_interval",
    "mtu",
    "ndisc_notify",
    "optimistic_dad",
    "proxy_ndp",
    "regen_max_retry",
    "router_probe_interval",
    "router_solicitation_delay",
    "router_solicitation_interval",
    "router_solicitations",
    "stable_secret",
    "suppress_frag_ndisc",
    "temp_prefered_lft",
    "temp_valid_lft",
    "use_oif_addrs_only",
    "use_optimistic",
    "use_tempaddr",
];

/// Source: the same, `unix_conf_entries`.
const UNIX: [&str; 1] = ["max_dgram_qlen"];
/// Source: the same, `ipv4_sysctl_entries`.
const IPV4: [&str; 1] = ["ping_group_range"];

/// A setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sysctl {
    /// Kind of namespace: `net` or `ipc`.
    pub kind: &'static str,
    /// The namespace.
    pub namespace: NamespaceId,
    /// First part of the name: `net.ipv4.conf.all`.
    pub folder: Vec<u8>,
    /// Position in the image's list, from 0.
    pub position: u64,
    /// Last part of the name; `None` if the list has an unknown length, so that its order is unknown.
    pub name: Option<&'static str>,
    /// Value; `None` if it could not be read.
    pub value: Option<Vec<u8>>,
}

/// Reads the settings of all namespaces that were dumped.
pub(crate) fn read(images: Images<'_>, _: &Model, _: &EngineFiles<'_>) -> Vec<Sysctl> {
    let mut all = Vec::new();
    let numbers = |kind| images.set.of_kind(images.archive, kind).map(|(number, _)| number).collect::<Vec<_>>();
    for number in numbers(Kind::Netns) {
        let entry: NetnsEntry = images.one(Kind::Netns, number).unwrap_or_default();
        let mut add =
            |folder: &str, names, entries: &[SysctlEntry]| add(&mut all, number, folder.as_bytes(), names, entries);
        add("net.ipv4.conf.default", &CONF4, &either(&entry.def_conf4, &entry.def_conf));
        add("net.ipv4.conf.all", &CONF4, &either(&entry.all_conf4, &entry.all_conf));
        add("net.ipv6.conf.default", &CONF6, &entry.def_conf6);
        add("net.ipv6.conf.all", &CONF6, &entry.all_conf6);
        add("net.unix", &UNIX, &entry.unix_conf);
        add("net.ipv4", &IPV4, &entry.ipv4_sysctl);
    }
    for number in numbers(Kind::Netdev) {
        images.each::<NetDeviceEntry>(Kind::Netdev, number, |device, _, _| {
            // Each of its settings repeats the name.
            let name = device.name().get(..usize_of(images.limits.path_bytes)).unwrap_or(device.name());
            let folder = |family: &str| [family.as_bytes(), b".conf.", name].concat();
            add(&mut all, number, &folder("net.ipv4"), &CONF4, &either(&device.conf4, &device.conf));
            add(&mut all, number, &folder("net.ipv6"), &CONF6, &device.conf6);
        });
    }
    for number in numbers(Kind::IpcVar) {
        all.extend(ipc(number, &images.one(Kind::IpcVar, number).unwrap_or_default()));
    }
    all
}

/// The settings in the form used since CRIU 2.3, or else the plain numbers used before.
fn either(entries: &[SysctlEntry], numbers: &[i32]) -> Vec<SysctlEntry> {
    if !entries.is_empty() {
        return entries.to_vec();
    }
    numbers.iter().map(|&number| SysctlEntry { iarg: Some(number), ..SysctlEntry::default() }).collect()
}

fn add(all: &mut Vec<Sysctl>, namespace: u64, folder: &[u8], names: &[&'static str], entries: &[SysctlEntry]) {
    let is_known = entries.len() == names.len();
    for (position, entry) in entries.iter().enumerate() {
        all.push(Sysctl {
            kind: "net",
            namespace: id(namespace),
            folder: folder.to_vec(),
            position: u64_of(position),
            name: names.get(position).copied().filter(|_| is_known),
            value: entry.sarg.clone().or_else(|| Some(entry.iarg?.to_string().into_bytes())),
        });
    }
}

fn id(number: u64) -> NamespaceId {
    NamespaceId(u32::try_from(number).unwrap_or(u32::MAX))
}

/// Settings of an IPC namespace, by their names in `/proc/sys`.
fn ipc(namespace: u64, entry: &IpcVarEntry) -> Vec<Sysctl> {
    let number = |number: Option<u32>| number.map(|number| number.to_string());
    let semaphores: Vec<String> = entry.sem_ctls.iter().map(u32::to_string).collect();
    let all = [
        ("kernel", "sem", (!semaphores.is_empty()).then(|| semaphores.join("\t"))),
        ("kernel", "msgmax", number(entry.msg_ctlmax)),
        ("kernel", "msgmnb", number(entry.msg_ctlmnb)),
        ("kernel", "msgmni", number(entry.msg_ctlmni)),
        ("kernel", "auto_msgmni", number(entry.auto_msgmni)),
        ("kernel", "msg_next_id", number(entry.msg_next_id)),
        ("kernel", "sem_next_id", number(entry.sem_next_id)),
        ("kernel", "shm_next_id", number(entry.shm_next_id)),
        ("kernel", "shmmax", entry.shm_ctlmax.map(|number| number.to_string())),
        ("kernel", "shmall", entry.shm_ctlall.map(|number| number.to_string())),
        ("kernel", "shmmni", number(entry.shm_ctlmni)),
        ("kernel", "shm_rmid_forced", number(entry.shm_rmid_forced)),
        ("fs.mqueue", "queues_max", number(entry.mq_queues_max)),
        ("fs.mqueue", "msg_max", number(entry.mq_msg_max)),
        ("fs.mqueue", "msgsize_max", number(entry.mq_msgsize_max)),
        ("fs.mqueue", "msg_default", number(entry.mq_msg_default)),
        ("fs.mqueue", "msgsize_default", number(entry.mq_msgsize_default)),
    ];
    let recorded = (0_u64..).zip(all).filter_map(|(position, (folder, name, value))| {
        Some(Sysctl {
            kind: "ipc",
            namespace: id(namespace),
            folder: folder.into(),
            position,
            name: Some(name),
            value: Some(value?.into_bytes()),
        })
    });
    recorded.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_have_names_only_in_lists_of_the_known_length() {
        let entry = |n| SysctlEntry { iarg: Some(n), ..SysctlEntry::default() };
        let mut all = Vec::new();
        let full: Vec<SysctlEntry> = (0..30).map(entry).collect();
        add(&mut all, 7, b"net.ipv4.conf.all", &CONF4, &full);
        assert_eq!((all.len(), all[21].name, all[21].value.as_deref()), (30, Some("rp_filter"), Some(&b"21"[..])));
        all.clear();
        add(&mut all, 7, b"net.ipv4.conf.all", &CONF4, &full[..29]);
        assert!(all.iter().all(|sysctl| sysctl.name.is_none()), "an order that is not known");
        all.clear();
        add(&mut all, 7, b"net.ipv6.conf.all", &["stable_secret"], &[SysctlEntry::default()]);
        assert_eq!(all[0].value, None, "it could not be read");
    }

    #[test]
    fn settings_of_ipc_have_names_of_proc() {
        let entry = IpcVarEntry { sem_ctls: vec![32000, 1_024_000_000, 500, 32000], ..Default::default() };
        let all = ipc(1, &entry);
        assert_eq!((all.len(), all[0].name), (1, Some("sem")));
        assert_eq!(all[0].value.as_deref(), Some(&b"32000\t1024000000\t500\t32000"[..]));
    }
}
