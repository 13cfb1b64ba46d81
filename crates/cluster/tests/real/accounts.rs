//! Accounting of a test's own: MariaDB and slurmdbd below the cluster's folder, ended with it.

use super::{find, ports, spawn, stop, until};
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

pub(crate) struct Accounts {
    database: Child,
    daemon: Child,
    /// What slurm.conf says of them; of two values Slurm takes the later one.
    pub(crate) lines: String,
}

/// What it takes.
pub(crate) const PROGRAMS: [&str; 4] = ["mariadbd", "mariadb-install-db", "slurmdbd", "sacct"];

impl Accounts {
    /// Munge runs already; the controller does not.
    pub(crate) fn start(d: &Path, host: &str) -> Self {
        let (data, socket) = (d.join("database"), d.join("database.sock"));
        let mut command = Command::new(find("mariadb-install-db").unwrap());
        command.args(["--no-defaults", "--user=root", "--auth-root-authentication-method=normal"]);
        command.arg(format!("--datadir={}", data.display())).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(command.status().unwrap().success(), "the database's folder cannot be made");
        let mut command = Command::new(find("mariadbd").unwrap());
        command.args(["--no-defaults", "--user=root", "--skip-networking"]);
        command.arg(format!("--datadir={}", data.display())).arg(format!("--socket={}", socket.display()));
        let database = spawn(d, "mariadbd", &mut command);
        assert!(until(300, || socket.exists()), "mariadbd did not start");

        let (d_, port) = (d.display(), ports("127.0.0.1"));
        let text = format!(
            "AuthType=auth/munge
AuthInfo=socket={d_}/munge.sock
DbdHost={host}
DbdAddr=127.0.0.1
DbdPort={port}
SlurmUser=root
LogFile={d_}/log/slurmdbd.log
PidFile={d_}/slurmdbd.pid
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=accounts
"
        );
        let file = d.join("slurmdbd.conf");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        // It looks for its file beside slurm.conf, and for the database at the client library's own socket.
        let mut command = Command::new(find("slurmdbd").unwrap());
        command.arg("-D").env("SLURM_CONF", d.join("slurm.conf")).env("MYSQL_UNIX_PORT", &socket);
        let daemon = spawn(d, "slurmdbd", &mut command);
        assert!(until(300, || TcpStream::connect(("127.0.0.1", port)).is_ok()), "slurmdbd did not start");
        let lines = format!(
            "AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost={host}
AccountingStoragePort={port}
AccountingStoragePass={d_}/munge.sock
"
        );
        Self { database, daemon, lines }
    }
}

impl Drop for Accounts {
    fn drop(&mut self) {
        [&mut self.daemon, &mut self.database].into_iter().for_each(stop);
    }
}
