#ifndef TOCSIN_CKERNEL_LINKS_H
#define TOCSIN_CKERNEL_LINKS_H

/* rtnetlink(7): the kernel tells when a network device comes, goes or changes. */

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netpacket/packet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A socket on which it tells; -1: errno says why there is none. */
static inline int ckernel_link_socket(void) {
    int socket_ = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (socket_ < 0) return -1;
    struct sockaddr_nl name;
    memset(&name, 0, sizeof name);
    name.nl_family = AF_NETLINK;
    name.nl_groups = RTMGRP_LINK;
    if (bind(socket_, (struct sockaddr *)&name, sizeof name) == 0) return socket_;
    int code = errno;
    close(socket_);
    errno = code;
    return -1;
}

/* 1: something was told since the last call; 0: nothing; -1: nobody knows. */
static inline int ckernel_link_news(int socket_) {
    char first;
    int isNews = 0;
    while (1) {
        ssize_t count = recv(socket_, &first, 1, MSG_DONTWAIT | MSG_TRUNC);
        if (count > 0 || (count < 0 && errno == ENOBUFS)) {
            isNews = 1;
            continue;
        }
        if (count < 0 && errno == EINTR) continue;
        return count < 0 && errno == EAGAIN ? isNews : -1;
    }
}

#endif
