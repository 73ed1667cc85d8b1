/* SPDX-License-Identifier: Apache-2.0 */
/* message.h - what monitor, datapath and init say to each other */
#ifndef LAUNCH_MESSAGE_H
#define LAUNCH_MESSAGE_H

#include "base/util.h"

/*
 * Two SOCK_SEQPACKET pairs, monitor - datapath and monitor - app side, one
 * message a packet, at most one descriptor with it. A message of the wrong
 * length or out of turn ends the receiver (OpenSSH's rule). The datapath goes
 * away when its pair is closed, the app side when its pair is.
 */
enum message_kind {
	/* monitor -> datapath */
	MSG_FRAME_PORT = 1,  /* link; a = enum frame_port_kind; one fd. Comes
	                        from the app side and is passed on */
	MSG_RESOLV_CONF,     /* text: the host's resolv.conf */
	MSG_HOSTS,           /* text: the host's /etc/hosts */
	MSG_RESOLVER_SOCKET, /* a socket in the app's namespace at which the
	                        resolver answers; a = 0 UDP, 1 TCP listener */
	MSG_APP_NETWORK,     /* link: a socket of the app's namespace, which
	                        lives on while it is open; a = 0 just that, else
	                        sock_diag (link/sock_diag.h), and the index of
	                        the interface there. sockets: sock_diag */
	MSG_DOOR,            /* link: a socket in the app's namespace, where a
	                        door has a face; a = DOOR_FACE() of
	                        launch/door.h */
	MSG_START,           /* all is sent: confine, then answer MSG_READY.
	                        To the app side: run CMD */
	MSG_STOP,            /* CMD is gone: let leave what it had written (its
	                        kernel lives on for that as long as the frame
	                        port is open; half a second at most), exit 0.
	                        Maybe one fd, only to be closed at the end */
	MSG_LAST,            /* CMD is gone: say what is held back of lines for
	                        people, then MSG_TOLD */
	MSG_PROCESS,         /* answer to MSG_WHO: a struct who_answer */
	MSG_CONTROL,         /* a struct control_ask (control/ask.h), and a
	                        target; answered by MSG_CONTROL_ANSWER */
	MSG_PUBLISH,         /* a struct flow_publish (flow/flow.h), and its
	                        bound socket; from MSG_READY on */
	MSG_UNPUBLISH,       /* a = the id of what is not published any more */
	MSG_DOOR_OPENED,     /* answer to MSG_DOOR_OPEN: its text, and one fd,
	                        or a = a negative errno */
	MSG_APP_SOCKET,      /* link: answer to MSG_WANT_SOCKET: a, and one fd.
	                        Comes from the app side and is passed on */
	/* monitor -> spawner (launch/spawner.h) */
	MSG_EXEC = 32, /* start a command; one fd, by which it is said */
	/* datapath -> monitor */
	MSG_READY = 64, /* confined and serving */
	MSG_FAILED,     /* a = negative errno; text says what. From the app
	                   side as well, until MSG_START */
	MSG_LINE,       /* a = log level; text is a line for people */
	MSG_WHO,        /* who owns this app socket? A struct who_question
	                   (launch/who.h); answered by MSG_PROCESS, and
	                   that by MSG_TOLD */
	MSG_TOLD,       /* what waited for MSG_PROCESS or MSG_LAST was told in
	                   lines */
	MSG_CONTROL_ANSWER, /* a struct control_piece, and its text */
	MSG_DOOR_OPEN,      /* connect to the path of --host-unix for a flow;
	                       a = the door's id, text: a uint64_t of ours */
	MSG_LISTENING,      /* -p auto: the app listens at a TCP port (a > 0),
	                       or does not any more (-a) */
	MSG_WANT_SOCKET,    /* link: a socket of the app's namespace, not
	                       connected; a = enum app_socket_kind
	                       (link/app_sockets.h). To the app side as well */
	/* app side -> monitor (src/launch/init.h has the order) */
	MSG_APP_READY = 128, /* its set-up is done, it waits for MSG_START;
	                        one fd: the pidfd of CMD */
	MSG_APP_WIRED,       /* link, before that: frame port, network and
	                        doors are sent, the datapath may join them */
	MSG_APP_STOPPED,     /* CMD stopped; a = the signal */
	MSG_APP_EXITED,      /* CMD ended; a = its wait status */
	MSG_APP_NO_PROC,     /* no /proc for a pid namespace here */
};

#define MESSAGE_TEXT_MAX 65536

struct message_head {
	uint32_t kind; /* enum message_kind */
	int32_t a;
	uint32_t text_len; /* bytes that follow */
};

/*
 * message_pair() - a connected pair for these messages, close-on-exec, with
 * room for the longest of them. 0 or a negative errno.
 */
_must_check_ int message_pair(int pair[2]);
/*
 * message_send() - head and text in one packet, fd along with it if >= 0.
 * The descriptor stays the caller's. 0 or a negative errno; -EPIPE when the
 * other end is gone (never SIGPIPE).
 */
_must_check_ int message_send(int sock, enum message_kind kind, int32_t a,
                              const void *text, size_t len, int fd);
/*
 * message_receive() - one packet into *head and text (room MESSAGE_TEXT_MAX);
 * *fd is -1 or the caller's from now on. 1, 0 at the end of the pair,
 * -EAGAIN, -EPROTO for a malformed one.
 */
_must_check_ int message_receive(int sock, struct message_head *head,
                                 char *text, int *fd);
/*
 * message_receive_bare() - the same where no message with text is in turn:
 * one is -EPROTO.
 */
_must_check_ int message_receive_bare(int sock, struct message_head *head,
                                      int *fd);

#endif
