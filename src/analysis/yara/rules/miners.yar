// Mining of currencies: settings and messages of miners.

rule miner_xmrig_config
{
    meta:
        description = "The settings of XMRig or of a program made from it"
        severity = "high"
        category = "miner"
    strings:
        $donate = "\"donate-level\""
        $a = "\"rx/0\""
        $b = "\"randomx\""
        $c = "\"huge-pages\""
        $d = "\"max-threads-hint\""
        $e = "\"nicehash\""
        $f = "\"rig-id\""
        $g = "\"donate-over-proxy\""
        $h = "\"keepalive\""
    condition:
        $donate and 2 of ($a, $b, $c, $d, $e, $f, $g, $h)
}

rule miner_stratum_session
{
    meta:
        description = "Messages between a miner and a pool"
        severity = "high"
        category = "miner"
    strings:
        $subscribe = /"method"\s{0,4}:\s{0,4}"mining\.(subscribe|authorize|submit)"/
        $notify = /"method"\s{0,4}:\s{0,4}"mining\.(notify|set_difficulty)"/
        $login = /"method"\s{0,4}:\s{0,4}"login"\s{0,4},\s{0,4}"params"\s{0,4}:\s{0,4}\{\s{0,4}"login"/
        $job = /"method"\s{0,4}:\s{0,4}"job"\s{0,4},\s{0,4}"params"\s{0,4}:\s{0,4}\{\s{0,4}"blob"/
    condition:
        $login or $job or ($subscribe and $notify)
}

rule miner_monero_wallet
{
    meta:
        description = "An address of Monero that a miner is told to mine for"
        severity = "medium"
        category = "miner"
    strings:
        $setting = /"(user|login|wallet|wallet-address)"\s{0,4}:\s{0,4}"[48][0-9AB][1-9A-HJ-NP-Za-km-z]{93}/
        $option = /--(user|wallet)[= \x00][48][0-9AB][1-9A-HJ-NP-Za-km-z]{93}/
    condition:
        any of them
}
