//! `hufu serve`: starts the processes, hands them their sockets, restarts what dies.
