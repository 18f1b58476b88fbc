#!/usr/bin/perl
# verify.pl ADDRESS PORT < message: what Mail::DKIM says of each signature, by the DNS given.
# One line each: algorithm domain result.
use strict;
use warnings;
use Mail::DKIM::DNS;
use Mail::DKIM::Verifier;
use Net::DNS::Resolver;

my ($address, $port) = @ARGV;
Mail::DKIM::DNS::resolver(
    Net::DNS::Resolver->new(
        nameservers => [$address],
        port        => $port,
        retry       => 1,
        udp_timeout => 5,
        recurse     => 1
    )
);
binmode STDIN;
my $verifier = Mail::DKIM::Verifier->new;
local $/ = undef;
$verifier->PRINT(scalar <STDIN>);
$verifier->CLOSE;
for my $signature ($verifier->signatures) {
    my $result = $signature->result_detail // $signature->result // 'none';
    $result =~ s/\s+/ /g;
    printf "%s %s %s\n", $signature->algorithm // 'none', $signature->domain // 'none', $result;
}
