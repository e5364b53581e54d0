// SPDX-License-Identifier: GPL-2.0-or-later
// The end of a tunnel on a real server, in tc at ingress: takes the outer IPv4 header off IPIP
// packets, so that not the real server is what a measurement of tunnels measures. Compiled by
// bench/tc_decap.py with clang -target bpf; no library, no header but the kernel's.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#define SECTION(name) __attribute__((section(name), used))

static long (*load_bytes)(const void *skb, __u32 offset, void *to, __u32 length) =
    (void *)BPF_FUNC_skb_load_bytes;
static long (*adjust_room)(struct __sk_buff *skb, __s32 difference, __u32 mode, __u64 flags) =
    (void *)BPF_FUNC_skb_adjust_room;

enum { ethernet_size = 14, ip_size = 20, protocol_at = 9, ipip = 4, plain_header = 0x45 };

SECTION("tc") int decapsulate(struct __sk_buff *skb) {
  unsigned char ip[ip_size];
  if (load_bytes(skb, ethernet_size, ip, sizeof ip) < 0) return TC_ACT_OK;
  if (ip[0] != plain_header || ip[protocol_at] != ipip) return TC_ACT_OK;
  if (adjust_room(skb, -ip_size, BPF_ADJ_ROOM_MAC, BPF_F_ADJ_ROOM_FIXED_GSO) < 0) {
    return TC_ACT_SHOT;
  }
  return TC_ACT_OK;
}

char terms[] SECTION("license") = "GPL";
