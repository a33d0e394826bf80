//! The database goes away, and the names are answered all the same.

use std::time::Duration;

use super::{Server, create, services};
use crate::harness::database::{Kind, Place, execute};
use crate::harness::eventually;
use crate::harness::world::World;

/// A way to the tests' PostgreSQL that can be cut off: a folder that leads to its socket.
pub(super) struct Way {
    folder: tempfile::TempDir,
    socket: std::path::PathBuf,
    database: String,
}

impl Way {
    pub(super) fn to(place: &Place) -> Self {
        let (address, database) = place.url.strip_prefix("postgres://nmp@").unwrap().split_once('/').unwrap();
        let socket = std::path::Path::new(&address.replace("%2F", "/")).join(".s.PGSQL.5432");
        let way = Self { folder: tempfile::tempdir().unwrap(), socket, database: database.to_owned() };
        way.open();
        way
    }

    pub(super) fn url(&self) -> String {
        let folder = self.folder.path().display().to_string().replace('/', "%2F");
        format!("postgres://nmp@{folder}/{}", self.database)
    }

    pub(super) fn open(&self) {
        std::os::unix::fs::symlink(&self.socket, self.folder.path().join(".s.PGSQL.5432")).unwrap();
    }

    /// From now on nobody gets through, and whoever had got through is cut off.
    pub(super) async fn cut(&self, world: &World) {
        std::fs::remove_file(self.folder.path().join(".s.PGSQL.5432")).unwrap();
        execute(
            &world.db,
            "
            SELECT pg_terminate_backend(pid)
            FROM pg_stat_activity
            WHERE datname = current_database()
              AND pid <> pg_backend_pid()",
        )
        .await;
    }
}

#[test]
fn names_are_answered_while_the_database_is_away_and_after_a_restart_without_it() {
    crate::harness::database::run(Kind::Postgres, async |world| {
        let ctx = services(&world);
        let way = Way::to(&world.place);
        create(&ctx, "contoso", ["MS=ms1", "MS=ms2"]).await;
        let mut server = Server::new(&world.place, "");
        let config = std::fs::read_to_string(&server.config).unwrap();
        std::fs::write(&server.config, config.replace(&world.place.url, &way.url())).unwrap();
        server.start_again();
        server.is_ready().await;
        server.shows("contoso.1r1.pstn.example.net", "MS=ms1").await;
        let soa = server.dig("+short pstn.example.net SOA");

        way.cut(&world).await;
        // Longer than a look at the database takes to fail.
        for _ in 0..20 {
            assert_eq!(server.texts("contoso.1r1.pstn.example.net"), ["\"MS=ms1\""]);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        server.kill();
        server.start_again();
        eventually("the name is answered from the disk", Duration::from_secs(2), async || {
            (server.texts("contoso.1r2.pstn.example.net") == ["\"MS=ms2\""]).then_some(())
        })
        .await;
        assert_eq!(server.dig("+short pstn.example.net SOA"), soa);
        let readiness = server.readiness().await;
        assert_eq!(
            (&readiness["ready"], &readiness["checks"]["dns"]["ok"]),
            (&false.into(), &true.into()),
            "{readiness}"
        );
        assert_eq!(readiness["checks"]["database"]["reason"], "the database was not reached yet");

        create(&ctx, "fabrikam", ["MS=ms3", "MS=ms4"]).await;
        way.open();
        eventually("the database is found again", Duration::from_secs(10), async || {
            (server.texts("fabrikam.1r1.pstn.example.net") == ["\"MS=ms3\""]).then_some(())
        })
        .await;
        server.is_ready().await;
        // And a connection that is lost while it runs is made anew.
        way.cut(&world).await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        create(&ctx, "litware", ["MS=ms5", "MS=ms6"]).await;
        way.open();
        eventually("the change is seen", Duration::from_secs(10), async || {
            (server.texts("litware.1r1.pstn.example.net") == ["\"MS=ms5\""]).then_some(())
        })
        .await;
        create(&ctx, "northwind", ["MS=ms7", "MS=ms8"]).await;
        server.shows("northwind.1r1.pstn.example.net", "MS=ms7").await;
    });
}

/// What was kept on disk and was tampered with is not served; what the database says is.
#[test]
fn a_broken_file_is_no_hindrance() {
    crate::harness::database::run(Kind::Sqlite, async |world| {
        let ctx = services(&world);
        create(&ctx, "contoso", ["MS=ms1", "MS=ms2"]).await;
        let mut server = Server::start(&world.place, "").await;
        server.shows("contoso.1r1.pstn.example.net", "MS=ms1").await;
        let kept = world.place.folder.path().join(format!("zone-{}", server.port));
        eventually("the zone is on disk", Duration::from_secs(2), async || kept.exists().then_some(())).await;
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&kept).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        server.kill();
        std::fs::write(&kept, std::fs::read_to_string(&kept).unwrap().replace("ms1", "ms9")).unwrap();
        server.start_again();
        server.is_ready().await;
        assert_eq!(server.texts("contoso.1r1.pstn.example.net"), ["\"MS=ms1\""]);
    });
}

/// Not each change is written at once; none is missing after a stop.
#[test]
fn what_changed_before_a_stop_is_on_disk() {
    crate::harness::database::run(Kind::Sqlite, async |world| {
        let ctx = services(&world);
        let mut server = Server::start(&world.place, "").await;
        for label in ["contoso", "fabrikam", "litware"] {
            create(&ctx, label, ["MS=ms1", "MS=ms2"]).await;
            server.shows(&format!("{label}.1r1.pstn.example.net"), "MS=ms1").await;
        }
        assert!(server.process.take().unwrap().stop().success());
        let kept = std::fs::read_to_string(world.place.folder.path().join(format!("zone-{}", server.port))).unwrap();
        for label in ["contoso", "fabrikam", "litware"] {
            assert!(kept.contains(&format!("{label} MS=ms1 MS=ms2")), "{label} is not in {kept}");
        }
    });
}
