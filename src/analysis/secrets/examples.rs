//! For each detector, what it must find and what it must not. Values are made from parts when the test runs, so that this
//! file has no string that a scanner of secrets takes for one, and checksums are computed.

use data_encoding::{BASE64, BASE64URL_NOPAD};

use super::detectors::ALL;
use super::engine::{Engine, plain_engine};

/// Characters that look random, the same in each run.
fn random(alphabet: &str, len: usize, seed: u32) -> String {
    let alphabet = alphabet.as_bytes();
    let mut state = seed.wrapping_mul(0x9e37_79b1) ^ 0x5bd1_e995;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        char::from(alphabet[usize::try_from(state >> 8).unwrap() % alphabet.len()])
    };
    (0..len).map(|_| next()).collect()
}

const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const HEX: &str = "0123456789abcdef";
const URL64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

fn bytes(len: usize, seed: u32) -> Vec<u8> {
    (0..len)
        .map(|n| u8::from_str_radix(&random(HEX, 2, seed.wrapping_add(u32::try_from(n).unwrap())), 16).unwrap())
        .collect()
}

/// 30 random characters with their checksum.
fn summed(seed: u32) -> String {
    let body = random(ALNUM, 30, seed);
    let digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".as_bytes();
    let mut sum = crc32fast::hash(body.as_bytes());
    let mut tail = String::new();
    for _ in 0..6 {
        tail.insert(0, char::from(digits[usize::try_from(sum % 62).unwrap()]));
        sum /= 62;
    }
    body + &tail
}

fn jwt(header: &str, payload: &str, signature: usize) -> String {
    let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    format!("{}.{}.{}", encode(header), encode(payload), random(URL64, signature, 7))
}

/// The data of a bech32 text with its checksum.
fn age(seed: u32) -> String {
    let chars = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";
    let data = random(chars, 52, seed);
    let human = "age-secret-key-";
    let value = |c: char| u32::try_from(chars.find(c).unwrap()).unwrap();
    let mut all: Vec<u32> = human.bytes().map(|b| u32::from(b >> 5)).collect();
    all.push(0);
    all.extend(human.bytes().map(|b| u32::from(b & 31)));
    all.extend(data.chars().map(value));
    all.extend([0; 6]);
    let sum = all.into_iter().fold(1_u32, |sum, value| {
        let top = sum >> 25;
        let next = (sum & 0x01ff_ffff) << 5 ^ value;
        [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3]
            .iter()
            .enumerate()
            .fold(next, |next, (bit, step)| if top >> bit & 1 == 1 { next ^ step } else { next })
    }) ^ 1;
    let check = (0..6).map(|n| chars.as_bytes()[usize::try_from(sum >> (5 * (5 - n)) & 31).unwrap()]);
    data + &check.map(char::from).collect::<String>()
}

fn der(tag: u8, contents: &[u8]) -> Vec<u8> {
    let len = contents.len();
    let head = match len {
        0..=127 => vec![tag, u8::try_from(len).unwrap()],
        128..=255 => vec![tag, 0x81, u8::try_from(len).unwrap()],
        _ => vec![tag, 0x82, u8::try_from(len >> 8).unwrap(), u8::try_from(len & 255).unwrap()],
    };
    [head, contents.to_vec()].concat()
}

/// A positive odd number.
fn number(len: usize, seed: u32) -> Vec<u8> {
    let mut number = bytes(len, seed);
    number[0] |= 0x80;
    *number.last_mut().unwrap() |= 1;
    number.insert(0, 0);
    der(2, &number)
}

/// PKCS#1.
fn rsa() -> Vec<u8> {
    let half = |seed| number(64, seed);
    let parts = [
        der(2, &[0]),
        number(128, 1),
        der(2, &[1, 0, 1]),
        number(127, 300),
        half(500),
        half(600),
        half(700),
        half(800),
        half(900),
    ];
    der(0x30, &parts.concat())
}

/// PKCS#8 of an elliptic key.
fn pkcs8() -> Vec<u8> {
    let curve = [der(6, b"\x2a\x86\x48\xce\x3d\x02\x01"), der(6, b"\x2a\x86\x48\xce\x3d\x03\x01\x07")].concat();
    let key = der(0x30, &[der(2, &[1]), der(4, &bytes(32, 11)), der(0xa1, &der(3, &bytes(66, 50)))].concat());
    der(0x30, &[der(2, &[0]), der(0x30, &curve), der(4, &key)].concat())
}

/// SEC1.
fn sec1() -> Vec<u8> {
    let curve = der(0xa0, &der(6, b"\x2a\x86\x48\xce\x3d\x03\x01\x07"));
    der(0x30, &[der(2, &[1]), der(4, &bytes(32, 21)), curve, der(0xa1, &der(3, &bytes(66, 70)))].concat())
}

/// A certificate's beginning, or a list: a sequence that is no key.
fn certificate() -> Vec<u8> {
    der(0x30, &[der(0x30, &[der(0xa0, &der(2, &[2])), number(16, 5)].concat()), bytes(64, 9)].concat())
}

fn pem(label: &str, data: &[u8], end: &str) -> String {
    let lines: Vec<String> =
        BASE64.encode(data).as_bytes().chunks(64).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
    format!("-----BEGIN {label}-----{end}{}{end}-----END {label}-----{end}", lines.join(end))
}

fn field(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

const PRIVATE: &str = "PRIVATE KEY";

/// What must be found: the detector, and the text.
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn positives() -> Vec<(&'static str, Vec<u8>)> {
    let mut all: Vec<(&'static str, Vec<u8>)> = Vec::new();
    let mut add = |id: &'static str, text: &str| all.push((id, text.as_bytes().to_vec()));
    let aws = format!("{}{}", "AKIA", "Z5CRYQLAB7FUKE42");
    add("aws-access-key-id", &format!("AWS_ACCESS_KEY_ID={aws}"));
    add("aws-access-key-id", &format!("\"AccessKeyId\" : \"ASIA{}\",", random(BASE32, 16, 3)));
    let secret = random(ALNUM, 36, 5) + "/+ab";
    add("aws-secret-access-key", &format!("aws_secret_access_key = {secret}\n"));
    add("aws-secret-access-key", &format!("{{\"SecretAccessKey\" : \"{secret}\"}}"));
    add("aws-session-token", &format!("token={}{}", "IQoJb3Jp", "Z2lu".to_owned() + &random(ALNUM, 200, 4)));
    for (prefix, seed) in [("ghp", 1), ("gho", 2), ("ghu", 3), ("ghs", 4), ("ghr", 5)] {
        add("github-token", &format!("x {prefix}_{}\0", summed(seed)));
    }
    add("github-fine-grained-token", &format!("github_{}_{}_{}", "pat", random(ALNUM, 22, 1), random(ALNUM, 59, 2)));
    add("gitlab-token", &format!("{}-{}", "glpat", random(URL64, 20, 15)));
    add("gitlab-token", &format!("{}-{}.01.{}", "glpat", random(URL64, 27, 6), random(LOWER, 9, 8)));
    add("gitlab-token", &format!("{}-{}", "glrt", random(ALNUM, 20, 12)));
    add(
        "slack-token",
        &format!("{}-{}-{}-{}", "xoxb", random("123456789", 12, 1), random("123456789", 12, 2), random(ALNUM, 24, 3)),
    );
    add(
        "slack-token",
        &format!("{}-1-{}-{}-{}", "xapp", random(UPPER, 11, 1), random("123456789", 13, 2), random(HEX, 64, 3)),
    );
    add(
        "slack-webhook",
        &format!(
            "https://hooks.slack.com/{}/T{}/B{}/{}",
            "services",
            random(UPPER, 10, 1),
            random(UPPER, 10, 2),
            random(ALNUM, 24, 3)
        ),
    );
    add("google-api-key", &format!("{}{}", "AIza", random(URL64, 35, 1)));
    add("google-oauth-client-secret", &format!("{}-{}", "GOCSPX", random(URL64, 28, 1)));
    add("google-oauth-token", &format!("{}.{}", "ya29", random(URL64, 120, 1)));
    let account = format!(
        "{{\n \"type\": \"service_account\",\n \"project_id\": \"p\",\n \"private_key_id\": \"{}\",\n \"private_key\": \"{}\",\n \"client_email\": \"robot@p.iam.gserviceaccount.com\"\n}}",
        random(HEX, 40, 1),
        pem(PRIVATE, &pkcs8(), "\\n")
    );
    add("gcp-service-account", &account);
    let key = BASE64.encode(&bytes(64, 1));
    add(
        "azure-storage-key",
        &format!("DefaultEndpointsProtocol=https;AccountName=acct;AccountKey={key};EndpointSuffix=x"),
    );
    add("azure-client-secret", &format!("secret {}8Q~{}", random(ALNUM, 3, 1), random(URL64, 33, 2)));
    let signature = BASE64.encode(&bytes(32, 2)).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    add(
        "azure-sas",
        &format!("https://a.blob.core.windows.net/c?sv=2022-11-02&se=2027-01-01T00:00:00Z&sp=r&sig={signature}"),
    );
    add(
        "kubernetes-serviceaccount-token",
        &jwt("{\"alg\":\"RS256\",\"kid\":\"k\"}", "{\"sub\":\"system:serviceaccount:a:b\",\"exp\":1800000000}", 342),
    );
    add("jwt", &format!("session={}", jwt("{\"alg\":\"HS256\"}", "{\"sub\":\"77\",\"iss\":\"https://id.shop\"}", 43)));
    for (label, data) in [("RSA ", rsa()), ("EC ", sec1()), ("", pkcs8())] {
        add("private-key", &pem(&format!("{label}{PRIVATE}"), &data, "\n"));
    }
    add("private-key", &format!("\"key\": \"{}\"", pem(PRIVATE, &pkcs8(), "\\n")));
    let whole = pem(&format!("RSA {PRIVATE}"), &rsa(), "\r\n");
    add("private-key", &whole[..300]);
    let ssh = [b"openssh-key-v1\0".to_vec(), field(b"none"), field(b"none"), field(b""), bytes(120, 4)].concat();
    add("private-key", &pem(&format!("OPENSSH {PRIVATE}"), &ssh, "\n"));
    add("private-key", &pem(&format!("ENCRYPTED {PRIVATE}"), &der(0x30, &bytes(300, 3)), "\n"));
    add(
        "putty-private-key",
        &format!(
            "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: me\nPublic-Lines: 1\nAAAA\nPrivate-Lines: 1\n{}\n",
            BASE64.encode(&bytes(36, 1))
        ),
    );
    add("age-secret-key", &format!("AGE-SECRET-{}-1{}", "KEY", age(3)));
    for kind in ["sk_live", "rk_live", "sk_test"] {
        add("stripe-key", &format!("{kind}_{}", random(ALNUM, 99, 9)));
    }
    add("npm-token", &format!("//registry.npmjs.org/:_authToken={}_{}", "npm", summed(9)));
    let macaroon = [&[2, 1, 8][..], b"pypi.org", &[2, 36], &bytes(90, 1)].concat();
    add("pypi-token", &format!("{}-{}", "pypi", BASE64URL_NOPAD.encode(&macaroon)));
    add("docker-hub-token", &format!("{}_pat_{}", "dckr", random(URL64, 27, 3)));
    add(
        "docker-config-auth",
        &format!("{{\"auths\":{{\"r.io\":{{\"auth\":\"{}\"}}}}}}", BASE64.encode(b"robot:k3Jd9xTm")),
    );
    add("digitalocean-token", &format!("{}_v1_{}", "dop", random(HEX, 64, 1)));
    add("vault-token", &format!("{}.{}", "hvs", random(URL64, 90, 1)));
    add("terraform-token", &format!("{}.{}.{}", random(ALNUM, 14, 1), "atlasv1", random(URL64, 67, 2)));
    add("sendgrid-key", &format!("{}.{}.{}", "SG", random(URL64, 22, 1), random(URL64, 43, 2)));
    add("twilio-key", &format!("TWILIO_API_KEY=SK{}", random(HEX, 32, 1)));
    add("mailgun-key", &format!("MG={}-{}", "key", random(HEX, 32, 1)));
    add("mailchimp-key", &format!("MC={}-{}", random(HEX, 32, 1), "us14"));
    add(
        "telegram-bot-token",
        &format!("https://api.telegram.org/bot{}:AA{}/getMe", random("123456789", 10, 1), random(URL64, 33, 2)),
    );
    add(
        "discord-webhook",
        &format!("https://discord.com/api/{}/{}/{}", "webhooks", random("123456789", 18, 1), random(URL64, 68, 2)),
    );
    let bot = BASE64URL_NOPAD.encode(b"123456789012345678");
    add("discord-bot-token", &format!("{bot}.{}.{}", random(URL64, 6, 1), random(URL64, 38, 2)));
    add("shopify-token", &format!("{}_{}", "shpat", random(HEX, 32, 1)));
    add("openai-key", &format!("sk-proj-{}T3Blbk{}{}", random(ALNUM, 40, 1), "FJ", random(ALNUM, 40, 2)));
    add("anthropic-key", &format!("sk-{}-api03-{}AA", "ant", random(URL64, 93, 1)));
    add(
        "huggingface-token",
        &format!("{}_{}", "hf", random("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", 34, 1)),
    );
    add("databricks-token", &format!("{}{}", "dapi", random(HEX, 32, 1)));
    add("grafana-token", &format!("{}_{}_{}", "glsa", random(ALNUM, 32, 1), random(HEX, 8, 2)));
    add("atlassian-token", &format!("{}{}", "ATATT3xFf", "GF0".to_owned() + &random(URL64, 180, 1)));
    add("newrelic-key", &format!("{}-{}", "NRAK", random(UPPER, 27, 1)));
    add("postman-key", &format!("{}-{}-{}", "PMAK", random(HEX, 24, 1), random(HEX, 34, 2)));
    add("kubeadm-token", "kubeadm join 10.0.0.1:6443 --token abc123.0123456789abcdef --x");
    add(
        "kubeconfig-client-key",
        &format!("    client-key-data: {}\n", BASE64.encode(pem(PRIVATE, &pkcs8(), "\n").as_bytes())),
    );
    add("url-password", &format!("DATABASE_URL=postgres://app:{}@db.internal:5432/x", "k3Jd9xTmWq"));
    add("url-password", &format!("redis://:{}@cache:6379/0", "k3Jd9xTmWq"));
    add("url-password", &format!("postgres://postgres:{}@db/x", "postgres"));
    add("url-password", &format!("amqp://guest:{}@mq/", "guest"));
    add("url-password", &format!("mysql://root:{}@db/", "hunter2"));
    add("http-basic", &format!("Authorization: Basic {}\r\n", BASE64.encode(b"admin:k3Jd9xTmWq")));
    add("http-bearer", &format!("Authorization: Bearer {}\r\n", random(ALNUM, 40, 1)));
    add("password-hash", &format!("root:$6$saltsalt${}:19000:0:99999:7:::", random(ALNUM, 86, 1)));
    add("password-hash", &format!("app:$y$j9T${}${}:19000:", random(ALNUM, 22, 3), random(ALNUM, 43, 1)));
    add("password-hash", &format!("'$2b$12${}'", random(ALNUM, 53, 1)));
    add(
        "password-hash",
        &format!("\"$argon2id$v=19$m=65536,t=3,p=4${}${}\"", random(ALNUM, 22, 1), random(ALNUM, 43, 2)),
    );
    add("totp-secret", &format!("otpauth://totp/shop:me?secret={}&issuer=shop", random(BASE32, 32, 1)));
    add("assigned-secret", &format!("DB_PASSWORD={}", "k3Jd9xTm-Wq"));
    add("assigned-secret", &format!("api_key: '{}'", random(ALNUM, 24, 3)));
    add("assigned-secret", "captured: sudo password=hunter2-shop\n");
    add("tls-session-key", &format!("CLIENT_RANDOM {} {}\n", random(HEX, 64, 1), random(HEX, 96, 2)));
    add("tls-session-key", &format!("CLIENT_TRAFFIC_SECRET_0 {} {}\n", random(HEX, 64, 1), random(HEX, 64, 2)));
    add(
        "kubernetes-secret",
        &format!(
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\ndata:\n  login: {}\n",
            BASE64.encode(b"some value")
        ),
    );
    add(
        "kubernetes-secret",
        &format!(
            "{{\"apiVersion\":\"v1\",\"data\":{{\"login\":\"{}\"}},\"kind\":\"Secret\",\"metadata\":{{}}}}",
            BASE64.encode(b"some value")
        ),
    );
    for (id, data) in [("der-private-key", rsa()), ("der-private-key", pkcs8()), ("der-private-key", sec1())] {
        all.push((id, [b"\0\0\0\0".to_vec(), data, vec![0; 8]].concat()));
    }
    let public = bytes(32, 40);
    let inner = [field(b"ssh-ed25519"), field(&public), field(&[bytes(32, 5), public.clone()].concat())].concat();
    all.push(("openssh-private-key", [vec![0; 8], inner, vec![0; 8]].concat()));
    let object = [&[0x12, 14][..], &[0x0a, 4], b"pass", &[0x12, 6], b"s3cr!t"].concat();
    let object =
        [b"k8s\0\x0a\x0c\x0a\x02v1\x12\x06Secret\x12".to_vec(), vec![u8::try_from(object.len()).unwrap()], object]
            .concat();
    all.push(("kubernetes-secret", object));
    // Encoded once more.
    all.push(("github-token", wide(&format!("token: ghp_{}", summed(1)))));
    all.push(("url-password", wide(&format!("jdbc:postgresql://app:{}@db/x", "k3Jd9xTmWq"))));
    for before in 0..3 {
        let text = format!("{} ghp_{} ", &"xyz"[..before], summed(1));
        all.push(("github-token", BASE64.encode(text.as_bytes()).into_bytes()));
    }
    let auth = BASE64.encode(format!("robot:ghp_{}", summed(1)).as_bytes());
    all.push(("github-token", format!("{{\"auths\":{{\"ghcr.io\":{{\"auth\":\"{auth}\"}}}}}}").into_bytes()));
    let data = BASE64.encode(format!("ghp_{}", summed(1)).as_bytes());
    all.push(("github-token", format!("kind: Secret\ndata:\n  token: {data}\n").into_bytes()));
    all
}

/// What must not be found, with why.
fn near_misses() -> Vec<(&'static str, Vec<u8>)> {
    let mut all: Vec<(&'static str, Vec<u8>)> = Vec::new();
    let mut add = |why: &'static str, text: &str| all.push((why, text.as_bytes().to_vec()));
    add("too short", &format!("AKIA{}", random(BASE32, 15, 3)));
    add("too long", &format!("AKIA{}", random(BASE32, 17, 3)));
    add("lower case", &format!("akia{}", random("abcdefghijklmnop", 16, 3)));
    add("digits that base32 has not", &format!("AKIA{}1890", random(BASE32, 12, 3)));
    add("wrong checksum", &format!("ghp_{}", random(ALNUM, 36, 3)));
    add("too short", &format!("ghp_{}", &summed(1)[..35]));
    add("a commit", &format!("commit {}", random(HEX, 40, 1)));
    add("a digest", &format!("sha256:{}", random(HEX, 64, 1)));
    add("a UUID", "secret: 123e4567-e89b-12d3-a456-426614174000");
    add("a publishable key", &format!("pk_live_{}", random(ALNUM, 24, 1)));
    add("a public key", &pem("PUBLIC KEY", &der(0x30, &bytes(90, 1)), "\n"));
    add("a certificate", &pem("CERTIFICATE", &certificate(), "\n"));
    add("a request", &pem("CERTIFICATE REQUEST", &certificate(), "\n"));
    add("a BEGIN line alone", &format!("grep -r '-----BEGIN RSA {PRIVATE}-----' ."));
    add("a BEGIN line in code", &format!("if (strcmp(s, \"-----BEGIN {PRIVATE}-----\\n\") == 0) {{ return 1; }}"));
    add("a placeholder body", &format!("-----BEGIN {PRIVATE}-----\n...\n-----END {PRIVATE}-----\n"));
    add("a placeholder body", &format!("-----BEGIN {PRIVATE}-----\nYOUR KEY HERE\n-----END {PRIVATE}-----\n"));
    add("a certificate under the wrong name", &pem(PRIVATE, &certificate(), "\n"));
    add("no JSON", &format!("eyJ{}.eyJ{}.{}", random(ALNUM, 30, 1), random(ALNUM, 30, 2), random(ALNUM, 43, 3)));
    add("algorithm none", &jwt("{\"alg\":\"none\"}", "{\"sub\":\"1\",\"x\":\"aaaaaaaaaaaaaaa\"}", 43));
    let two = jwt("{\"alg\":\"HS256\"}", "{\"sub\":\"1\"}", 43);
    add("two parts", &two[..two.rfind('.').unwrap()]);
    add("a variable", "postgres://user:${PASS}@db/x");
    add("a template", "postgres://user:{{ password }}@db/x https://user:<password>@host/");
    add("no password", "ssh://git@github.com/x and http://user@host/");
    add("IPv6", "http://[2001:db8::1]:8080/path http://[::1]:80/@x");
    add("a port and an at sign", "https://host:8080/path@x http://127.0.0.1:3000/@vite/client");
    add("a file with the password", "POSTGRES_PASSWORD_FILE=/run/secrets/x password=/run/secrets/db");
    add("locked accounts", "root:*:19000:0:99999:7:::\nbin:!:19000::::::\napp:!!:19000:\nx:!*:1:");
    add("a comment of openssl.cnf", "# input_password = secret\nsecret = pass:insta\n");
    add(
        "names of functions",
        "hf_hub_download hf_hub_download_with_retries_and_cache npm_config_cache npm_package_dependencies_something_long",
    );
    add("no vendor's mark", &format!("sk-{}", random(ALNUM, 48, 1)));
    add("minified code", "password:e,token:t,secret:n.secret,apiKey:this.options");
    add(
        "a catalogue",
        "Password: Enter your password\nPasswort: Bitte eingeben\npassword: Authentication\nToken: Required field",
    );
    add(
        "code",
        "password = os.environ['X']; token = self.request.token; secret: config.auth.token; token=request->token",
    );
    add(
        "identifiers",
        "token: TokenKind, secret: SecretManager; access_key: my_access_key_name; password: PasswordField",
    );
    add(
        "placeholders",
        "password=changeme token=your_token_here secret=xxxxxxxxxxxx api_key=<API_KEY> password=${DB_PASSWORD} secret=example-secret-1 passwd=********",
    );
    add("numbers", "max_tokens: 4096000 token_type: bearer token=1234567890 tokens=12345678");
    add("paths and URLs", "token: https://auth.host/token secret=./secrets/file.json credential=~/.aws/credentials");
    add("a keyboard row", "password=qwertyuiop secret=abcdefghij");
    add("a word of a catalogue", "credentials: include; auth_key: undefined; api-key: required-header");
    add("a webhook without its secret", "https://hooks.slack.com/services/T00/B00/x");
    add("hash formats", "$6$rounds=%d$%s$ $1$ $2b$12$ crypt(pw, \"$6$salt$\") $5$saltstring");
    add("TLS labels", "CLIENT_RANDOM SERVER_TRAFFIC_SECRET_0 CLIENT_TRAFFIC_SECRET_0 %s %s\n");
    add("kinds in code", "kind: Secret\nmetadata:\n  name: x\n---\nkind: ConfigMap\ndata:\n  a: b\n");
    add("a list of kinds", "{\"kinds\":[\"Pod\",\"Secret\",\"Node\"],\"data\":{\"a\":\"YQ==\"}}");
    add(
        "a bot token of no id",
        &format!("MTA{}.{}.{}", random(ALNUM, 21, 1), random(URL64, 6, 1), random(URL64, 38, 2)),
    );
    add("kubeadm without digits", "token abcdef.abcdefabcdefabcd");
    add(
        "bearer of a type",
        "Authorization: Bearer <token>\nauthorization: bearer ${TOKEN}\nAuthorization: Bearer token",
    );
    add("basic of nothing", "Authorization: Basic realm=\"x\" WWW-Authenticate: Basic");
    add("a docker config without logins", "{\"auths\":{},\"auth\":\"\",\"auth\": \"oauth2-client\"}");
    all.push(("random bytes", bytes(20_000, 77)));
    all.push(("zeros", vec![0; 10_000]));
    all.push(("a certificate in DER", [vec![0; 4], certificate(), vec![0; 8]].concat()));
    let public = [field(b"ssh-ed25519"), field(&bytes(32, 3)), vec![0; 64]].concat();
    all.push(("a public key of OpenSSH", public));
    let public =
        [field(b"ssh-rsa"), field(&[1, 0, 1]), field(&[vec![0], bytes(256, 3)].concat()), vec![0; 64]].concat();
    all.push(("a public key of OpenSSH", public));
    all.push(("a public key in DER", der(0x30, &[number(128, 1), der(2, &[1, 0, 1])].concat())));
    all
}

fn found(bytes: &[u8]) -> Vec<(&'static str, Vec<&'static str>)> {
    let hits = plain_engine().find(bytes);
    hits.into_iter().map(|hit| (Engine::detector(hit.detector).unwrap().id, hit.tags)).collect()
}

#[test]
fn each_detector_finds_its_secrets_and_no_other_does() {
    let mut wrong = Vec::new();
    for (id, text) in positives() {
        let found = found(&text);
        // What is encoded in an object is found as such, beside the object's own value.
        let is_right = found.iter().any(|(other, _)| *other == id)
            && found.iter().all(|(other, _)| {
                *other == id || id == "github-token" && matches!(*other, "kubernetes-secret" | "docker-config-auth")
            });
        if !is_right {
            wrong.push(format!("{id}: {found:?} in {}", text.escape_ascii()));
        }
    }
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), positives().len(), wrong.join("\n"));
}

#[test]
fn every_detector_has_an_example() {
    let with: Vec<&str> = positives().iter().map(|(id, _)| *id).collect();
    let without: Vec<&str> =
        ALL.iter().map(|one| one.id).filter(|id| !with.contains(id) && *id != "aes-key-schedule").collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn near_misses_stay_silent() {
    let mut wrong = Vec::new();
    for (why, text) in near_misses() {
        let found: Vec<_> = found(&text).into_iter().filter(|(_, tags)| !tags.contains(&"example")).collect();
        if !found.is_empty() {
            let shown: String = text.escape_ascii().to_string().chars().take(200).collect();
            wrong.push(format!("{why}: {found:?} in {shown}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {} wrong:\n{}", wrong.len(), near_misses().len(), wrong.join("\n"));
}

#[test]
fn published_examples_are_marked() {
    let stripe = ["sk_test_", "4eC39HqLyjWDarjtT1zdp7dc"].concat();
    let examples = [
        ["AKIA", "IOSFODNN7EXAMPLE"].concat(),
        format!("aws_secret_access_key={}{}", "wJalrXUtnFEMI", "/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        stripe,
        format!("glpat-{}", "x".repeat(20)),
        jwt(
            "{\"alg\":\"HS256\",\"typ\":\"JWT\"}",
            "{\"sub\":\"1234567890\",\"name\":\"John Doe\",\"iat\":1516239022}",
            43,
        ),
        format!("https://hooks.slack.com/services/T00000000/B00000000/{}", "X".repeat(24)),
    ];
    for example in examples {
        let found = found(example.as_bytes());
        assert!(found.iter().all(|(_, tags)| tags.contains(&"example")) && !found.is_empty(), "{example}: {found:?}");
    }
}

/// The key schedule of FIPS 197, A.1 and A.3, in both orders of bytes, at every multiple of four.
#[test]
fn key_schedules_are_found_by_their_words() {
    let sbox = super::detectors::substitution();
    let expand = |key: &[u8]| {
        let words = key.len() / 4;
        let mut all: Vec<[u8; 4]> = key.chunks(4).map(|word| word.try_into().unwrap()).collect();
        let mut round = 1_u8;
        for number in words..4 * (words + 7) {
            let mut last = all[number - 1];
            if number % words == 0 {
                last.rotate_left(1);
                last = last.map(|byte| sbox[usize::from(byte)]);
                last[0] ^= round;
                round = round << 1 ^ if round & 0x80 == 0 { 0 } else { 0x1b };
            } else if words == 8 && number % 8 == 4 {
                last = last.map(|byte| sbox[usize::from(byte)]);
            }
            let before = all[number - words];
            all.push(std::array::from_fn(|place| before[place] ^ last[place]));
        }
        all
    };
    // The last word of the schedule of the standard's first example.
    let key = data_encoding::HEXLOWER.decode(b"2b7e151628aed2a6abf7158809cf4f3c").unwrap();
    assert_eq!(expand(&key).last().unwrap(), &[0xb6, 0x63, 0x0c, 0xa6]);
    for (len, seed) in [(16, 1), (24, 2), (32, 3)] {
        let key = bytes(len, seed);
        for swapped in [false, true] {
            let mut memory = bytes(100, 9);
            for word in expand(&key) {
                let mut word = word;
                if swapped {
                    word.reverse();
                }
                memory.extend(word);
            }
            memory.extend(bytes(4000, 10));
            let mut found = Vec::new();
            plain_engine().raw(&memory, 0..memory.len(), true, &mut |detector, one, _| {
                if ALL[detector].id == "aes-key-schedule" {
                    found.push((one.value.start, one.value.len()));
                }
            });
            assert_eq!(found, [(100, len)], "{len} {swapped}");
            let at = memory.len() - 4050;
            memory[at] ^= 1;
            plain_engine().raw(&memory, 0..memory.len(), true, &mut |detector, _, _| {
                assert!(ALL[detector].id != "aes-key-schedule" || len == 0);
            });
        }
    }
}

/// Memory that is made of marks must not take much longer than other memory.
#[test]
fn memory_that_is_full_of_marks_is_given_up() {
    let begin = format!("-----BEGIN {PRIVATE}-----\n").repeat(20_000);
    let tired = plain_engine().raw(begin.as_bytes(), 0..begin.len(), true, &mut |_, _, _| {});
    assert!(!tired.0 || begin.len() > 500_000);
    let many = "-eyJ".repeat(200_000);
    let tired = plain_engine().raw(many.as_bytes(), 0..many.len(), true, &mut |_, _, _| {});
    assert!(tired.0);
}
