//! A million numbers from the saved pages of another service, into an empty database.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::report::{Outcome, at_least, at_most, say};
use crate::{TENANT, program};

const PAGES: usize = 2_000;
const PAGE: usize = 500;
/// How often the memory of the process is looked at.
const LOOKS: Duration = Duration::from_millis(20);

pub async fn run() -> Outcome<()> {
    let folder = tempfile::tempdir()?;
    let pages = folder.path().join("pages");
    save(&pages)?;
    for (what, apply) in [("look through", false), ("import", true), ("import once more", true)] {
        let (took, memory) = import(folder.path(), &pages, apply).await?;
        let rate = (PAGES * PAGE) as f64 / took.as_secs_f64();
        let goal = if what == "import" { at_least(50_000.0, "/s", rate) } else { String::new() };
        say(&format!("{what} 1,000,000 numbers of saved pages"), format!("{rate:.0}/s"), &goal);
        say("  highest memory", format!("{memory:.1} MB"), &at_most(150.0, "MB", memory));
    }
    Ok(())
}

/// Saves the pages of two accounts; every tenth number is assigned, and one in a hundred is in another building.
fn save(pages: &Path) -> Outcome<()> {
    std::fs::create_dir(pages)?;
    let account = |name: &str| {
        format!(
            "{{\"name\":\"{name}\",\"serviceDetails\":{{\"teamsTenantId\":\"{TENANT}\",\"teamsOperatorConnect\":\
             {{\"enabled\":true,\"syncEnabled\":true,\"numberCount\":1}}}}}}"
        )
    };
    std::fs::write(
        pages.join("accounts.json"),
        format!("{{\"value\":[{},{}]}}", account("contoso"), account("fabrikam")),
    )?;
    for page in 0..PAGES {
        let mut text = String::from("{\"value\":[");
        for n in page * PAGE..(page + 1) * PAGE {
            let comma = if n % PAGE == 0 { "" } else { "," };
            let name = if n / 10_000 % 2 == 0 { "contoso" } else { "fabrikam" };
            let assigned = if n % 10 == 0 { "assigned" } else { "unassigned" };
            let location = if n % 100 < 99 { n / 100_000 } else { 10 + n / 100_000 };
            write!(
                text,
                "{comma}{{\"telephoneNumber\":\"+4416{n:08}\",\"accountName\":\"{name}\",\"serviceDetails\":\
                 {{\"teamsOperatorConnect\":{{\"enabled\":true,\"assignmentStatus\":\"{assigned}\",\"configuration\":\
                 {{\"usage\":\"CallingUserAssignment\",\"choosableCapabilities\":[\"InboundCalling\",\"OutboundCalling\"],\
                 \"acquiredCapabilities\":[\"InboundCalling\",\"OutboundCalling\",\"UserAssignment\"],\
                 \"locationId\":\"location-{location}\",\"allowTenantAddressUpdate\":false}}}}}},\
                 \"serviceProvisioningStatus\":\"synced\",\"serviceProvisioningErrors\":[]}}"
            )?;
        }
        text.push_str("]}");
        std::fs::write(pages.join(format!("numbers-{page:05}.json")), text)?;
    }
    Ok(())
}

/// Runs the command; gives how long it took, and the highest memory of its process in megabytes.
async fn import(folder: &Path, pages: &Path, apply: bool) -> Outcome<(Duration, f64)> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nmp"));
    command.arg("import").arg(pages).args(apply.then_some("--apply"));
    command.env("NMP_DATABASE__URL", format!("sqlite:{}", folder.join("nmp.db").display())).stdout(Stdio::null());
    let begun = Instant::now();
    let mut child = command.spawn()?;
    let mut memory = 0.0_f64;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        // Of a process that has just ended nothing is told any more.
        memory = memory.max(program::memory(&child, "VmHWM").unwrap_or_default());
        tokio::time::sleep(LOOKS).await;
    };
    if status.success() { Ok((begun.elapsed(), memory)) } else { Err(format!("the import ended with {status}").into()) }
}
