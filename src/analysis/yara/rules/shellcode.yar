// Machine code that starts a shell, connects back, or loads a stage. The patterns are made from the numbers of system
// calls and the encodings of instructions; bytes between them may differ.

rule shellcode_execve_x64
{
    meta:
        description = "Code (x86-64) that executes a shell whose path is a number in the code"
        severity = "high"
        category = "shellcode"
    strings:
        $path_first = { ( 48 | 49 ) ( B8 | B9 | BA | BB | BC | BD | BE | BF ) ( 2F 62 69 6E 2F 73 68 00 | 2F 62 69 6E 2F 2F 73 68 | 2F 2F 62 69 6E 2F 73 68 ) [0-48] ( 6A 3B | B0 3B | B8 3B 00 00 00 ) [0-24] 0F 05 }
        $number_first = { ( 6A 3B 58 | B0 3B | B8 3B 00 00 00 ) [0-32] ( 48 | 49 ) ( B8 | B9 | BA | BB | BC | BD | BE | BF ) ( 2F 62 69 6E 2F 73 68 00 | 2F 62 69 6E 2F 2F 73 68 | 2F 2F 62 69 6E 2F 73 68 ) [0-40] 0F 05 }
        $text_after = { ( 6A 3B 58 | B0 3B | B8 3B 00 00 00 ) [0-16] 0F 05 [0-32] 2F 62 69 6E 2F 73 68 00 }
    condition:
        any of them
}

rule shellcode_connect_x64
{
    meta:
        description = "Code (x86-64) that makes a socket and connects it to an address in the code"
        severity = "high"
        category = "shellcode"
    strings:
        $connect = { 6A 29 58 [0-14] 0F 05 [0-24] ( 48 | 49 ) ( B8 | B9 | BA | BB | BC | BD | BE | BF ) 02 00 }
    condition:
        $connect
}

rule shellcode_stage_x64
{
    meta:
        description = "Code (x86-64) that asks for memory to write and execute, and reads a stage into it"
        severity = "high"
        category = "shellcode"
    strings:
        $map_1 = { 6A 07 5A [0-32] 41 B2 22 [0-24] 0F 05 }
        $map_2 = { 41 B2 22 [0-32] 6A 07 5A [0-24] 0F 05 }
        $map_3 = { 6A 22 41 5A [0-24] ( 6A 07 5A | B2 07 ) [0-16] 0F 05 }
    condition:
        any of them
}

rule shellcode_execve_x86
{
    meta:
        description = "Code (32-bit x86) that executes a shell whose path is pushed"
        severity = "high"
        category = "shellcode"
    strings:
        $push = { 68 ( 2F 2F 73 68 | 2F 73 68 00 ) 68 2F 62 69 6E [0-24] ( B0 0B | 6A 0B 58 ) [0-8] CD 80 }
    condition:
        $push
}

rule shellcode_execve_a64
{
    meta:
        description = "Code (64-bit arm) that executes a shell"
        severity = "high"
        category = "shellcode"
    strings:
        // movz xN, #0x622f is the beginning of /bin.
        $number = { ( E? | F? ) 45 8C D2 [0-64] A8 1B 80 D2 [0-16] 01 00 00 D4 }
        $text = { A8 1B 80 D2 [0-8] 01 00 00 D4 [0-32] 2F 62 69 6E 2F ( 73 68 | 62 61 73 68 ) }
    condition:
        any of them
}

rule shellcode_connect_a64
{
    meta:
        description = "Code (64-bit arm) that makes a socket and connects it at once"
        severity = "high"
        category = "shellcode"
    strings:
        $connect = { C8 18 80 D2 [0-8] 01 00 00 D4 [0-40] 68 19 80 D2 [0-8] 01 00 00 D4 }
    condition:
        $connect
}

rule loader_stub_dlopen
{
    meta:
        description = "A stub that calls a function by its address, stops, and has the path of a library beside it"
        severity = "medium"
        category = "shellcode"
    strings:
        $call = { 48 B8 ?? ?? ?? ?? ?? 7F 00 00 FF D0 CC }
        $library = { 2E 73 6F 00 }
    condition:
        kind == "process" and
        for any i in (1..#call) : ( $library in (@call[i]-512..@call[i]+512) )
}

rule instrumentation_frida
{
    meta:
        description = "The agent of Frida, which changes functions of a running process"
        severity = "medium"
        category = "injection"
    strings:
        $a = "frida:rpc"
        $b = "gum-js-loop"
        $c = "frida-agent-64.so"
        $d = "frida_agent_main"
        $e = "linjector"
    condition:
        2 of them
}
