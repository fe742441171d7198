//! Techniques and tactics of MITRE ATT&CK (Enterprise v18.1) that rules name.

/// A technique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Technique {
    /// Its id: `T1055.008`.
    pub id: &'static str,
    /// Its name, for a sub-technique without that of its parent.
    pub name: &'static str,
    /// Its tactics.
    pub tactics: &'static [&'static str],
}

/// The tactics, with their ids.
pub const TACTICS: &[(&str, &str, &str)] = &[
    ("initial-access", "TA0001", "Initial Access"),
    ("execution", "TA0002", "Execution"),
    ("persistence", "TA0003", "Persistence"),
    ("privilege-escalation", "TA0004", "Privilege Escalation"),
    ("defense-evasion", "TA0005", "Defense Evasion"),
    ("credential-access", "TA0006", "Credential Access"),
    ("discovery", "TA0007", "Discovery"),
    ("lateral-movement", "TA0008", "Lateral Movement"),
    ("collection", "TA0009", "Collection"),
    ("exfiltration", "TA0010", "Exfiltration"),
    ("command-and-control", "TA0011", "Command and Control"),
    ("impact", "TA0040", "Impact"),
];

/// The techniques, by id.
pub const TECHNIQUES: &[Technique] = &[
    Technique { id: "T1003", name: "OS Credential Dumping", tactics: &["credential-access"] },
    Technique { id: "T1003.007", name: "Proc Filesystem", tactics: &["credential-access"] },
    Technique { id: "T1003.008", name: "/etc/passwd and /etc/shadow", tactics: &["credential-access"] },
    Technique { id: "T1014", name: "Rootkit", tactics: &["defense-evasion"] },
    Technique { id: "T1021", name: "Remote Services", tactics: &["lateral-movement"] },
    Technique { id: "T1021.004", name: "SSH", tactics: &["lateral-movement"] },
    Technique { id: "T1027", name: "Obfuscated Files or Information", tactics: &["defense-evasion"] },
    Technique { id: "T1027.002", name: "Software Packing", tactics: &["defense-evasion"] },
    Technique { id: "T1027.010", name: "Command Obfuscation", tactics: &["defense-evasion"] },
    Technique { id: "T1027.011", name: "Fileless Storage", tactics: &["defense-evasion"] },
    Technique { id: "T1027.013", name: "Encrypted/Encoded File", tactics: &["defense-evasion"] },
    Technique { id: "T1029", name: "Scheduled Transfer", tactics: &["exfiltration"] },
    Technique { id: "T1036", name: "Masquerading", tactics: &["defense-evasion"] },
    Technique { id: "T1036.002", name: "Right-to-Left Override", tactics: &["defense-evasion"] },
    Technique { id: "T1036.003", name: "Rename Legitimate Utilities", tactics: &["defense-evasion"] },
    Technique { id: "T1036.004", name: "Masquerade Task or Service", tactics: &["defense-evasion"] },
    Technique { id: "T1036.005", name: "Match Legitimate Resource Name or Location", tactics: &["defense-evasion"] },
    Technique { id: "T1036.006", name: "Space after Filename", tactics: &["defense-evasion"] },
    Technique { id: "T1036.008", name: "Masquerade File Type", tactics: &["defense-evasion"] },
    Technique { id: "T1036.009", name: "Break Process Trees", tactics: &["defense-evasion"] },
    Technique { id: "T1036.011", name: "Overwrite Process Arguments", tactics: &["defense-evasion"] },
    Technique {
        id: "T1037",
        name: "Boot or Logon Initialization Scripts",
        tactics: &["persistence", "privilege-escalation"],
    },
    Technique { id: "T1037.004", name: "RC Scripts", tactics: &["persistence", "privilege-escalation"] },
    Technique { id: "T1040", name: "Network Sniffing", tactics: &["credential-access", "discovery"] },
    Technique { id: "T1041", name: "Exfiltration Over C2 Channel", tactics: &["exfiltration"] },
    Technique { id: "T1046", name: "Network Service Discovery", tactics: &["discovery"] },
    Technique {
        id: "T1053",
        name: "Scheduled Task/Job",
        tactics: &["execution", "persistence", "privilege-escalation"],
    },
    Technique { id: "T1053.002", name: "At", tactics: &["execution", "persistence", "privilege-escalation"] },
    Technique { id: "T1053.003", name: "Cron", tactics: &["execution", "persistence", "privilege-escalation"] },
    Technique {
        id: "T1053.006",
        name: "Systemd Timers",
        tactics: &["execution", "persistence", "privilege-escalation"],
    },
    Technique { id: "T1055", name: "Process Injection", tactics: &["defense-evasion", "privilege-escalation"] },
    Technique { id: "T1055.008", name: "Ptrace System Calls", tactics: &["defense-evasion", "privilege-escalation"] },
    Technique { id: "T1055.009", name: "Proc Memory", tactics: &["defense-evasion", "privilege-escalation"] },
    Technique { id: "T1055.014", name: "VDSO Hijacking", tactics: &["defense-evasion", "privilege-escalation"] },
    Technique { id: "T1056", name: "Input Capture", tactics: &["collection", "credential-access"] },
    Technique { id: "T1056.004", name: "Credential API Hooking", tactics: &["collection", "credential-access"] },
    Technique { id: "T1059", name: "Command and Scripting Interpreter", tactics: &["execution"] },
    Technique { id: "T1059.004", name: "Unix Shell", tactics: &["execution"] },
    Technique { id: "T1059.006", name: "Python", tactics: &["execution"] },
    Technique { id: "T1068", name: "Exploitation for Privilege Escalation", tactics: &["privilege-escalation"] },
    Technique { id: "T1070", name: "Indicator Removal", tactics: &["defense-evasion"] },
    Technique { id: "T1070.002", name: "Clear Linux or Mac System Logs", tactics: &["defense-evasion"] },
    Technique { id: "T1070.003", name: "Clear Command History", tactics: &["defense-evasion"] },
    Technique { id: "T1070.004", name: "File Deletion", tactics: &["defense-evasion"] },
    Technique { id: "T1070.006", name: "Timestomp", tactics: &["defense-evasion"] },
    Technique { id: "T1071", name: "Application Layer Protocol", tactics: &["command-and-control"] },
    Technique { id: "T1071.004", name: "DNS", tactics: &["command-and-control"] },
    Technique { id: "T1072", name: "Software Deployment Tools", tactics: &["execution", "lateral-movement"] },
    Technique { id: "T1074", name: "Data Staged", tactics: &["collection"] },
    Technique { id: "T1074.001", name: "Local Data Staging", tactics: &["collection"] },
    Technique { id: "T1090", name: "Proxy", tactics: &["command-and-control"] },
    Technique { id: "T1090.001", name: "Internal Proxy", tactics: &["command-and-control"] },
    Technique { id: "T1090.003", name: "Multi-hop Proxy", tactics: &["command-and-control"] },
    Technique { id: "T1095", name: "Non-Application Layer Protocol", tactics: &["command-and-control"] },
    Technique { id: "T1098", name: "Account Manipulation", tactics: &["persistence", "privilege-escalation"] },
    Technique { id: "T1098.004", name: "SSH Authorized Keys", tactics: &["persistence", "privilege-escalation"] },
    Technique { id: "T1105", name: "Ingress Tool Transfer", tactics: &["command-and-control"] },
    Technique { id: "T1133", name: "External Remote Services", tactics: &["persistence", "initial-access"] },
    Technique { id: "T1136", name: "Create Account", tactics: &["persistence"] },
    Technique { id: "T1136.001", name: "Local Account", tactics: &["persistence"] },
    Technique { id: "T1140", name: "Deobfuscate/Decode Files or Information", tactics: &["defense-evasion"] },
    Technique { id: "T1190", name: "Exploit Public-Facing Application", tactics: &["initial-access"] },
    Technique { id: "T1203", name: "Exploitation for Client Execution", tactics: &["execution"] },
    Technique {
        id: "T1205",
        name: "Traffic Signaling",
        tactics: &["defense-evasion", "persistence", "command-and-control"],
    },
    Technique {
        id: "T1205.002",
        name: "Socket Filters",
        tactics: &["defense-evasion", "persistence", "command-and-control"],
    },
    Technique { id: "T1211", name: "Exploitation for Defense Evasion", tactics: &["defense-evasion"] },
    Technique { id: "T1222", name: "File and Directory Permissions Modification", tactics: &["defense-evasion"] },
    Technique {
        id: "T1222.002",
        name: "Linux and Mac File and Directory Permissions Modification",
        tactics: &["defense-evasion"],
    },
    Technique { id: "T1486", name: "Data Encrypted for Impact", tactics: &["impact"] },
    Technique { id: "T1496", name: "Resource Hijacking", tactics: &["impact"] },
    Technique { id: "T1496.001", name: "Compute Hijacking", tactics: &["impact"] },
    Technique { id: "T1505", name: "Server Software Component", tactics: &["persistence"] },
    Technique { id: "T1505.003", name: "Web Shell", tactics: &["persistence"] },
    Technique { id: "T1525", name: "Implant Internal Image", tactics: &["persistence"] },
    Technique { id: "T1528", name: "Steal Application Access Token", tactics: &["credential-access"] },
    Technique {
        id: "T1543",
        name: "Create or Modify System Process",
        tactics: &["persistence", "privilege-escalation"],
    },
    Technique { id: "T1543.002", name: "Systemd Service", tactics: &["persistence", "privilege-escalation"] },
    Technique { id: "T1546", name: "Event Triggered Execution", tactics: &["privilege-escalation", "persistence"] },
    Technique {
        id: "T1546.004",
        name: "Unix Shell Configuration Modification",
        tactics: &["privilege-escalation", "persistence"],
    },
    Technique { id: "T1546.018", name: "Python Startup Hooks", tactics: &["persistence", "privilege-escalation"] },
    Technique {
        id: "T1547",
        name: "Boot or Logon Autostart Execution",
        tactics: &["persistence", "privilege-escalation"],
    },
    Technique {
        id: "T1548",
        name: "Abuse Elevation Control Mechanism",
        tactics: &["privilege-escalation", "defense-evasion"],
    },
    Technique { id: "T1548.001", name: "Setuid and Setgid", tactics: &["privilege-escalation", "defense-evasion"] },
    Technique { id: "T1548.003", name: "Sudo and Sudo Caching", tactics: &["privilege-escalation", "defense-evasion"] },
    Technique { id: "T1552", name: "Unsecured Credentials", tactics: &["credential-access"] },
    Technique { id: "T1552.001", name: "Credentials In Files", tactics: &["credential-access"] },
    Technique { id: "T1552.004", name: "Private Keys", tactics: &["credential-access"] },
    Technique { id: "T1552.005", name: "Cloud Instance Metadata API", tactics: &["credential-access"] },
    Technique { id: "T1552.007", name: "Container API", tactics: &["credential-access"] },
    Technique { id: "T1553", name: "Subvert Trust Controls", tactics: &["defense-evasion"] },
    Technique { id: "T1553.004", name: "Install Root Certificate", tactics: &["defense-evasion"] },
    Technique { id: "T1554", name: "Compromise Host Software Binary", tactics: &["persistence"] },
    Technique {
        id: "T1556",
        name: "Modify Authentication Process",
        tactics: &["credential-access", "defense-evasion", "persistence"],
    },
    Technique {
        id: "T1556.003",
        name: "Pluggable Authentication Modules",
        tactics: &["credential-access", "defense-evasion", "persistence"],
    },
    Technique { id: "T1559", name: "Inter-Process Communication", tactics: &["execution"] },
    Technique { id: "T1560", name: "Archive Collected Data", tactics: &["collection"] },
    Technique { id: "T1560.001", name: "Archive via Utility", tactics: &["collection"] },
    Technique { id: "T1562", name: "Impair Defenses", tactics: &["defense-evasion"] },
    Technique { id: "T1562.001", name: "Disable or Modify Tools", tactics: &["defense-evasion"] },
    Technique { id: "T1562.003", name: "Impair Command History Logging", tactics: &["defense-evasion"] },
    Technique { id: "T1562.004", name: "Disable or Modify System Firewall", tactics: &["defense-evasion"] },
    Technique { id: "T1562.006", name: "Indicator Blocking", tactics: &["defense-evasion"] },
    Technique { id: "T1564", name: "Hide Artifacts", tactics: &["defense-evasion"] },
    Technique { id: "T1564.001", name: "Hidden Files and Directories", tactics: &["defense-evasion"] },
    Technique { id: "T1564.011", name: "Ignore Process Interrupts", tactics: &["defense-evasion"] },
    Technique { id: "T1564.013", name: "Bind Mounts", tactics: &["defense-evasion"] },
    Technique { id: "T1564.014", name: "Extended Attributes", tactics: &["defense-evasion"] },
    Technique { id: "T1565", name: "Data Manipulation", tactics: &["impact"] },
    Technique { id: "T1565.001", name: "Stored Data Manipulation", tactics: &["impact"] },
    Technique { id: "T1571", name: "Non-Standard Port", tactics: &["command-and-control"] },
    Technique { id: "T1572", name: "Protocol Tunneling", tactics: &["command-and-control"] },
    Technique {
        id: "T1574",
        name: "Hijack Execution Flow",
        tactics: &["persistence", "privilege-escalation", "defense-evasion"],
    },
    Technique {
        id: "T1574.006",
        name: "Dynamic Linker Hijacking",
        tactics: &["persistence", "privilege-escalation", "defense-evasion"],
    },
    Technique {
        id: "T1574.007",
        name: "Path Interception by PATH Environment Variable",
        tactics: &["persistence", "privilege-escalation", "defense-evasion"],
    },
    Technique { id: "T1609", name: "Container Administration Command", tactics: &["execution"] },
    Technique { id: "T1610", name: "Deploy Container", tactics: &["defense-evasion", "execution"] },
    Technique { id: "T1611", name: "Escape to Host", tactics: &["privilege-escalation"] },
    Technique { id: "T1613", name: "Container and Resource Discovery", tactics: &["discovery"] },
    Technique { id: "T1620", name: "Reflective Code Loading", tactics: &["defense-evasion"] },
    Technique { id: "T1622", name: "Debugger Evasion", tactics: &["defense-evasion", "discovery"] },
];

/// The technique with an id.
pub fn technique(id: &str) -> Option<&'static Technique> {
    let place = TECHNIQUES.binary_search_by_key(&id, |technique| technique.id).ok()?;
    TECHNIQUES.get(place)
}

/// The tactics of techniques, each once, in the order in which they come up.
pub fn tactics(ids: &[&str]) -> Vec<&'static str> {
    let mut all = Vec::new();
    for tactic in ids.iter().filter_map(|id| technique(id)).flat_map(|technique| technique.tactics) {
        if !all.contains(tactic) {
            all.push(*tactic);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn techniques_are_sorted_and_their_tactics_are_known() {
        assert!(TECHNIQUES.is_sorted_by_key(|technique| technique.id));
        let known = |tactic: &&str| TACTICS.iter().any(|(name, ..)| name == tactic);
        assert!(TECHNIQUES.iter().all(|technique| technique.tactics.iter().all(known)));
        assert_eq!(tactics(&["T1055", "T1620", "T0000"]), ["defense-evasion", "privilege-escalation"]);
    }
}
