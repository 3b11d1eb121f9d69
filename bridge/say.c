/* SPDX-License-Identifier: MIT */
/* The sentences. A row a code, a column a language. */

#include "bridge/say.h"

#include <string.h>

enum language { FR, EN, DE, IT, N_LANGUAGES };

static const char *const errors[TB_ERROR_COUNT][N_LANGUAGES] = {
	[TB_ERROR_INVALID_PARAMS] =
		{
			"La caisse a envoyé une demande que la passerelle ne comprend pas.",
			"The till sent a request that the bridge does not understand.",
			"Die Kasse hat eine Anfrage gesendet, die nicht verstanden wurde.",
			"La cassa ha inviato una richiesta non comprensibile.",
		},
	[TB_ERROR_CUSTOMER_UNKNOWN] =
		{
			"Ce client n'est pas connu.",
			"This customer is not known.",
			"Dieser Kunde ist nicht bekannt.",
			"Questo cliente non è conosciuto.",
		},
	[TB_ERROR_CUSTOMER_AMBIGUOUS] =
		{
			"Plusieurs clients correspondent : choisissez le bon.",
			"Several customers match: choose the right one.",
			"Mehrere Kunden passen: bitte den richtigen wählen.",
			"Più clienti corrispondono: scegliere quello giusto.",
		},
	[TB_ERROR_COUPON_UNKNOWN] =
		{
			"Ce bon n'est pas connu.",
			"This coupon is not known.",
			"Dieser Gutschein ist nicht bekannt.",
			"Questo buono non è conosciuto.",
		},
	[TB_ERROR_GIFT_CARD_UNKNOWN] =
		{
			"Cette carte cadeau n'est pas connue.",
			"This gift card is not known.",
			"Diese Geschenkkarte ist nicht bekannt.",
			"Questa carta regalo non è conosciuta.",
		},
	[TB_ERROR_REWARD_UNKNOWN] =
		{
			"Cette récompense n'existe pas.",
			"This reward does not exist.",
			"Diese Prämie gibt es nicht.",
			"Questo premio non esiste.",
		},
	[TB_ERROR_PASSAGE_UNKNOWN] =
		{
			"Cette vente n'est pas connue.",
			"This sale is not known.",
			"Dieser Verkauf ist nicht bekannt.",
			"Questa vendita non è conosciuta.",
		},
	[TB_ERROR_CARD_BLOCKED] =
		{
			"Cette carte est bloquée.",
			"This card is blocked.",
			"Diese Karte ist gesperrt.",
			"Questa carta è bloccata.",
		},
	[TB_ERROR_CARD_UNASSIGNED] =
		{
			"Cette carte n'appartient encore à personne.",
			"This card does not belong to anybody yet.",
			"Diese Karte gehört noch niemandem.",
			"Questa carta non appartiene ancora a nessuno.",
		},
	[TB_ERROR_CONTACT_REQUIRED] =
		{
			"Il manque un téléphone ou un e-mail du client.",
			"A phone number or e-mail of the customer is missing.",
			"Es fehlt eine Telefonnummer oder E-Mail des Kunden.",
			"Manca un telefono o un'e-mail del cliente.",
		},
	[TB_ERROR_INSUFFICIENT_BALANCE] =
		{
			"Le solde ne suffit pas.",
			"The balance is not sufficient.",
			"Das Guthaben reicht nicht aus.",
			"Il saldo non è sufficiente.",
		},
	[TB_ERROR_REWARD_NOT_APPLICABLE] =
		{
			"Cette récompense ne s'applique pas à ce ticket.",
			"This reward does not apply to this ticket.",
			"Diese Prämie gilt nicht für diesen Bon.",
			"Questo premio non si applica a questo scontrino.",
		},
	[TB_ERROR_COUPON_USED] =
		{
			"Ce bon a déjà été utilisé.",
			"This coupon has already been used.",
			"Dieser Gutschein wurde schon eingelöst.",
			"Questo buono è già stato usato.",
		},
	[TB_ERROR_COUPON_EXPIRED] =
		{
			"Ce bon n'est plus valable.",
			"This coupon is no longer valid.",
			"Dieser Gutschein ist abgelaufen.",
			"Questo buono non è più valido.",
		},
	[TB_ERROR_GIFT_CARD_EXPIRED] =
		{
			"Cette carte cadeau n'est plus valable.",
			"This gift card is no longer valid.",
			"Diese Geschenkkarte ist abgelaufen.",
			"Questa carta regalo non è più valida.",
		},
	[TB_ERROR_RESERVATION_EXPIRED] =
		{
			"La réservation a expiré : recommencez.",
			"The reservation has expired: begin again.",
			"Die Reservierung ist abgelaufen: bitte neu beginnen.",
			"La prenotazione è scaduta: ricominciare.",
		},
	[TB_ERROR_CONFLICT] =
		{
			"Cela a changé entre-temps, ou appartient déjà à un autre.",
			"This has changed meanwhile, or belongs to another already.",
			"Das hat sich inzwischen geändert oder gehört schon jemand anderem.",
			"Nel frattempo è cambiato, o appartiene già a un altro.",
		},
	[TB_ERROR_IDEMPOTENCY_CONFLICT] =
		{
			"La caisse a réutilisé une clé pour une autre demande.",
			"The till has used a key again for another request.",
			"Die Kasse hat einen Schlüssel für eine andere Anfrage wiederverwendet.",
			"La cassa ha riutilizzato una chiave per un'altra richiesta.",
		},
	[TB_ERROR_IN_PROGRESS] =
		{
			"Cette demande est déjà en cours : réessayez dans un instant.",
			"This request is under way already: try again in a moment.",
			"Diese Anfrage läuft schon: bitte gleich noch einmal versuchen.",
			"Questa richiesta è già in corso: riprovare tra un istante.",
		},
	[TB_ERROR_OFFLINE_REFUSED] =
		{
			"Pas possible sans liaison avec le serveur de fidélité.",
			"Not possible without the link to the loyalty server.",
			"Ohne Verbindung zum Treueserver nicht möglich.",
			"Non possibile senza collegamento al server fedeltà.",
		},
	[TB_ERROR_SERVER_UNREACHABLE] =
		{
			"Le serveur de fidélité ne répond pas : réessayez plus tard.",
			"The loyalty server does not answer: try again later.",
			"Der Treueserver antwortet nicht: bitte später noch einmal versuchen.",
			"Il server fedeltà non risponde: riprovare più tardi.",
		},
	[TB_ERROR_SERVER_REFUSED] =
		{
			"Le service de fidélité a refusé cette demande.",
			"The loyalty service refused this request.",
			"Der Treuedienst hat diese Anfrage abgelehnt.",
			"Il servizio fedeltà ha rifiutato questa richiesta.",
		},
	[TB_ERROR_PRINTER_UNAVAILABLE] =
		{
			"Aucune imprimante ne peut prendre ce travail.",
			"There is no printer to take this job.",
			"Es gibt keinen Drucker für diesen Auftrag.",
			"Non c'è nessuna stampante per questo lavoro.",
		},
	[TB_ERROR_PAPER_OUT] =
		{
			"L'imprimante n'a plus de papier.",
			"The printer is out of paper.",
			"Der Drucker hat kein Papier mehr.",
			"La stampante non ha più carta.",
		},
	[TB_ERROR_COVER_OPEN] =
		{
			"Le capot de l'imprimante est ouvert.",
			"The printer's cover is open.",
			"Die Klappe des Druckers ist offen.",
			"Il coperchio della stampante è aperto.",
		},
	[TB_ERROR_DEVICE_CLAIMED] =
		{
			"Cet appareil est utilisé par un autre programme.",
			"This device is in use by another program.",
			"Dieses Gerät wird von einem anderen Programm benutzt.",
			"Questo dispositivo è usato da un altro programma.",
		},
	[TB_ERROR_DEVICE_UNKNOWN] =
		{
			"Cet appareil n'est pas connu.",
			"This device is not known.",
			"Dieses Gerät ist nicht bekannt.",
			"Questo dispositivo non è conosciuto.",
		},
	[TB_ERROR_PAYMENT_CARD_REFUSED] =
		{
			"C'est une carte bancaire : elle n'est ni lue ni gardée.",
			"This is a payment card: it is neither read nor kept.",
			"Das ist eine Zahlungskarte: sie wird weder gelesen noch gespeichert.",
			"È una carta di pagamento: non viene né letta né conservata.",
		},
	[TB_ERROR_NOT_PERMITTED] =
		{
			"Ce programme n'a pas le droit de demander cela.",
			"This program is not permitted to ask for this.",
			"Dieses Programm darf das nicht verlangen.",
			"Questo programma non può chiedere questo.",
		},
	[TB_ERROR_TOO_LARGE] =
		{
			"La demande est trop grande.",
			"The request is too large.",
			"Die Anfrage ist zu groß.",
			"La richiesta è troppo grande.",
		},
	[TB_ERROR_RATE_LIMITED] =
		{
			"Trop de demandes à la fois : réessayez dans un instant.",
			"Too much at a time: try again in a moment.",
			"Zu viel auf einmal: bitte gleich noch einmal versuchen.",
			"Troppo in una volta: riprovare tra un istante.",
		},
	[TB_ERROR_INTERNAL] =
		{
			"La passerelle n'a pas pu le faire : réessayez.",
			"The bridge could not do it: try again.",
			"Es hat nicht geklappt: bitte noch einmal versuchen.",
			"La richiesta non è riuscita: riprovare.",
		},
};

static const char *const rpc[][N_LANGUAGES] = {
	[TB_SAY_NOT_JSON] =
		{
			"Cette ligne n'est pas du JSON lisible.",
			"This line is no JSON that can be read.",
			"Diese Zeile ist kein lesbares JSON.",
			"Questa riga non è JSON leggibile.",
		},
	[TB_SAY_NO_CALL] =
		{
			"Cette ligne n'est pas un appel JSON-RPC 2.0.",
			"This line is no call of JSON-RPC 2.0.",
			"Diese Zeile ist kein Aufruf nach JSON-RPC 2.0.",
			"Questa riga non è una chiamata JSON-RPC 2.0.",
		},
	[TB_SAY_NO_METHOD] =
		{
			"Cette méthode n'existe pas.",
			"There is no such method.",
			"Diese Methode gibt es nicht.",
			"Questo metodo non esiste.",
		},
};

static enum language
language_of(const char *word)
{
	static const char *const words[N_LANGUAGES] = {"fr", "en", "de", "it"};

	for (int i = 0; i < N_LANGUAGES; i++)
		if (strcmp(words[i], word) == 0)
			return (enum language)i;
	return FR;
}

const char *
tb_say_error(enum tb_error error, const char *language)
{
	const char *text = error < TB_ERROR_COUNT ? errors[error][language_of(language)] : NULL;

	return text ? text : errors[TB_ERROR_INTERNAL][language_of(language)];
}

const char *
tb_say_rpc(enum tb_say_rpc what, const char *language)
{
	return rpc[what][language_of(language)];
}

const char *
tb_say_queued(const char *language)
{
	static const char *const texts[N_LANGUAGES] = {
		"N'a pas pu être envoyé au serveur de fidélité : c'est enregistré ici et sera "
		"transmis plus tard.",
		"Could not be sent to the loyalty server: it is kept here and will be delivered "
		"later.",
		"Konnte nicht an den Treueserver gesendet werden: es ist hier gespeichert und wird "
		"später übermittelt.",
		"Non è stato possibile inviarlo al server fedeltà: è registrato qui e verrà "
		"trasmesso più tardi.",
	};

	return texts[language_of(language)];
}

const char *
tb_say_barred(const char *language)
{
	static const char *const texts[N_LANGUAGES] = {
		"Le serveur de fidélité n'accepte plus cette caisse : appairez-la de nouveau (sur "
		"le "
		"serveur, tillctl pair) ; ce qui attend sera alors transmis.",
		"The loyalty server does not let this till in: pair it again (on the server, "
		"tillctl "
		"pair); what waits will then be delivered.",
		"Der Treueserver lässt diese Kasse nicht zu: bitte neu koppeln (auf dem Server, "
		"tillctl pair); was wartet, wird dann übermittelt.",
		"Il server fedeltà non accetta questa cassa: associarla di nuovo (sul server, "
		"tillctl "
		"pair); ciò che attende verrà allora trasmesso.",
	};

	return texts[language_of(language)];
}
