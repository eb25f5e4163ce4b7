//! Which settings are refused, and in which words.

use super::{config, problems};
use crate::adapters::notify::kept_now;
use crate::adapters::telemetry::SilencesKept;
use crate::engine::model::EventTime;

const HOOK: &str = "[[sink]]\nname = \"hook\"\nkind = \"webhook\"\nurl = \"https://x.example/\"\nsecret = { env = \"X\" }\n";
const MAIL: &str = "[[sink]]\nname = \"mail\"\nkind = \"email\"\nfrom = \"monitor@agency.example\"\nto = [\"desk@agency.example\"]\n";
const SLACK: &str = "[[sink]]\nname = \"slack\"\nkind = \"slack\"\nsecret = { env = \"X\" }\n";

fn check(text: &str, told: &[&str]) {
    let all = problems(text);
    assert!(!told.is_empty() || all.is_empty(), "{all}");
    for part in told {
        assert!(all.contains(part), "`{part}` is not in: {all}");
    }
}

#[test]
fn mistakes_are_named_all_at_once() {
    check(
        "age_max_s = 0\nconsole_url = \"console\"\n[[sink]]\nname = \"a b\"\nkind = \"webhook\"\nurl = \"ftp://x\"\nsecret = {}",
        &[
            "notify.age_max_s",
            "notify.console_url",
            "notify.sink[0].name",
            "notify.sink[0].url",
            "notify.sink[0].secret",
        ],
    );
}

#[test]
fn each_kind_says_what_it_takes_and_what_it_needs() {
    check(HOOK, &[]);
    check(SLACK, &[]);
    check(
        &format!("{HOOK}to = [\"desk@agency.example\"]\n"),
        &["sink[0].to: has no meaning for kind `webhook`, which takes url, secret"],
    );
    check(
        "[[sink]]\nname = \"m\"\nkind = \"email\"",
        &[
            "sink[0].url: is needed for kind `email`",
            "sink[0].from: is needed",
            "sink[0].to: is needed",
        ],
    );
    check(
        "[[sink]]\nname = \"s\"\nkind = \"slack\"\nurl = \"https://hooks.example/x\"",
        &["sink[0].url: has no meaning for kind `slack`", "sink[0].secret: is needed"],
    );
}

#[test]
fn mail_goes_in_the_clear_on_this_machine_only() {
    check(&format!("{MAIL}url = \"smtp://127.0.0.1:25\"\nstarttls = false\n"), &[]);
    check(&format!("{MAIL}url = \"smtps://mail.agency.example\"\n"), &[]);
    check(
        &format!("{MAIL}url = \"smtp://mail.agency.example\"\nstarttls = false\n"),
        &["sink[0].starttls: must be true unless the server is on this machine"],
    );
    check(
        &format!("{MAIL}url = \"smtp://u:p@mail.agency.example\"\n"),
        &["sink[0].url: must be smtp://"],
    );
    check(
        &format!("{MAIL}url = \"smtp://mail.agency.example\"\nuser = \"monitor\"\n"),
        &["sink[0].secret: is needed with `user`"],
    );
    check(
        "[[sink]]\nname = \"m\"\nkind = \"email\"\nurl = \"smtps://m.example\"\nfrom = \"nobody\"\nto = [\"a@b.example\"]",
        &["sink[0].from: `nobody` is no mail address"],
    );
}

#[test]
fn the_first_notice_waits_for_ten_minutes_at_most() {
    check(&format!("{SLACK}group_wait_s = 600\n"), &[]);
    check(
        &format!("{SLACK}group_wait_s = 601\n"),
        &["sink[0].group_wait_s: must be 0 (tell at once) to 600 seconds, got 601"],
    );
}

#[test]
fn a_template_may_name_what_there_is_and_nothing_else() {
    check(
        &format!("{SLACK}title = \"{{{{ severity|upper }}}} {{{{ title }}}} {{{{ key }}}}\"\n"),
        &[],
    );
    check(
        &format!("{SLACK}title = \"{{{{ actor }}}}\"\n"),
        &["sink[0].title: `actor` is no field; there are kind, what, incident, title, severity"],
    );
    check(
        &format!(
            "{SLACK}body = \"{{% for part in scope %}}{{{{ part.people }}}}{{% endfor %}}\"\n"
        ),
        &["sink[0].body: undefined value", "category, records, subjects"],
    );
    check(&format!("{SLACK}body = \"{{% if %}}\"\n"), &["sink[0].body: syntax error"]);
}

#[test]
fn what_keeps_notices_back_now_is_counted() {
    let silence = |from: &str, until: &str| {
        format!(
            "[[silence]]\nowner = \"ann\"\nreason = \"a drill\"\nfrom = \"{from}\"\nuntil = \"{until}\"\nmatch = {{ actor = [\"off-1\"] }}\n"
        )
    };
    let window = |from: &str, until: &str| {
        format!(
            "[[maintenance]]\nowner = \"ops\"\nreason = \"copies\"\nfrom = \"{from}\"\nuntil = \"{until}\"\nmatch = {{ actor = [\"svc\"] }}\n"
        )
    };
    let all = [
        silence("2026-03-02T08:00:00Z", "2026-03-02T10:00:00Z"),
        silence("2026-03-02T09:00:00Z", "2026-03-02T10:00:00Z"),
        silence("2026-03-01T08:00:00Z", "2026-03-02T08:30:00Z"),
        window("08:00", "09:00"),
        window("22:00", "04:00"),
    ];
    let now = EventTime::parse("2026-03-02T08:30:00Z").expect("a time");
    let kept = kept_now(&config(&all.concat()), (3, 4), now);
    assert_eq!(kept, SilencesKept { active: 4, pending: 5, windows: 1 });
}
